"""Storages whose settings lead to where the operator lets nobody go."""

from __future__ import annotations

import pytest

from labeldock.contract import ConfigurationError, InvalidInput
from labeldock.services.context import load_providers
from labeldock.settings import Settings, load_settings
from labeldock.testing.memory import MemoryProvider

S3 = {
    "bucket": "photos",
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "use_blob_urls": True,
}
BROKER = "redis://localhost:6379/0"


@pytest.fixture
def open_place(open_app, sqlite_installation, build_workplace, tmp_path):
    """A project where the installed providers are at hand, with these settings."""

    def open_(**settings):
        catalog = load_providers(Settings(home=tmp_path, **settings))
        return build_workplace(open_app(sqlite_installation, catalog=catalog))

    return open_


def refuse(place, **values):
    """The problem that adding a bucket of S3 is refused with."""
    with pytest.raises(InvalidInput, match="cannot be used") as caught:
        place.add(provider="s3", **S3, **values)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("s3_endpoint", "http://127.0.0.1:9"),
        ("s3_endpoint", "http://localhost:9"),
        ("s3_endpoint", "http://10.0.0.1"),
        ("public_endpoint", "http://192.168.0.1"),
        ("sts_endpoint", "http://[::1]:9"),
    ],
)
def test_inner_hosts_are_refused_where_there_is_a_broker(open_place, field, url):
    problem = refuse(open_place(broker_url=BROKER), **{field: url})

    assert problem.field == field
    assert problem.code == "egress_refused"
    assert "LABELDOCK_EGRESS_ALLOW" in problem.remedy


def test_this_machine_may_be_named_in_the_embedded_mode(open_place):
    problem = refuse(open_place(), s3_endpoint="http://127.0.0.1:9")

    assert problem.code != "egress_refused"  # it was asked, and nobody answered


@pytest.mark.parametrize("settings", [{}, {"egress_private": True}])
def test_a_metadata_service_is_never_asked(open_place, settings):
    place = open_place(egress_allow="169.254.0.0/16", **settings)

    problem = refuse(place, s3_endpoint="http://169.254.169.254")

    assert problem.code == "egress_refused"


def test_what_is_listed_may_be_named_with_a_broker_too(open_place):
    place = open_place(broker_url=BROKER, egress_allow="127.0.0.0/8")

    problem = refuse(place, s3_endpoint="http://127.0.0.1:9")

    assert problem.code != "egress_refused"


def test_private_hosts_can_be_refused_in_the_embedded_mode(open_place):
    problem = refuse(open_place(egress_private=False), s3_endpoint="http://10.0.0.1")

    assert problem.code == "egress_refused"


def test_the_settings_are_read_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LABELDOCK_HOME", str(tmp_path))
    monkeypatch.setenv("LABELDOCK_EGRESS_ALLOW", "minio.internal, 10.0.0.0/8")
    monkeypatch.setenv("LABELDOCK_EGRESS_PRIVATE", "false")

    settings = load_settings()

    assert settings.egress_allow == ("minio.internal", "10.0.0.0/8")
    assert not settings.permits_private_egress


def test_a_wrong_entry_stops_the_start(tmp_path):
    settings = Settings(home=tmp_path, egress_allow="http://minio")

    with pytest.raises(ConfigurationError, match="LABELDOCK_EGRESS_ALLOW"):
        load_providers(settings)


def test_a_provider_without_addresses_is_not_concerned():
    assert MemoryProvider().describe().import_options(bucket="b").list_endpoints() == ()
