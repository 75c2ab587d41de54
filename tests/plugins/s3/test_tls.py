"""TLS: a server whose authority only the storage knows."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from urllib3.exceptions import InsecureRequestWarning

from labeldock.contract import (
    Availability,
    ListQuery,
    PresignRequest,
    ReadRequest,
    Unavailable,
    ValidateRequest,
)
from labeldock_s3.options import S3Options
from tests.plugins.s3.places import KEY_ID, SECRET, Place
from tests.servers.certificates import build_certificate
from tests.servers.moto import run_moto


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return build_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def place(certificate):
    """A server with TLS and a bucket with one object."""
    with run_moto(certificate) as url:
        yield Place(url, KEY_ID, SECRET)


@pytest.fixture
def options(place, certificate, provider, connect):
    """Settings with the server's authority; there is an object."""
    return {**place.build_options("media"), "ca_bundle": certificate.authority}


@pytest.fixture(autouse=True)
def _object(place, certificate, tmp_path, monkeypatch):
    authority = tmp_path / "authority.pem"
    authority.write_text(certificate.authority)
    with monkeypatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(authority))
        client = place.change().client
        client.create_bucket(Bucket="media")
        client.put_object(Bucket="media", Key="a.txt", Body=bytes(2**20))


def test_a_server_that_nobody_trusts_is_told(place, provider, connect):
    storage = connect(**place.build_options("media"))

    with pytest.raises(Unavailable, match="no trusted TLS") as caught:
        provider.list_objects(storage, ListQuery())
    report = provider.validate(storage, ValidateRequest())

    assert caught.value.field == "ca_bundle"
    assert report.status is Availability.UNREACHABLE
    assert "verify_tls" in report.problems[0].remedy


def test_the_storages_own_authority_is_trusted(options, provider, connect):
    page = provider.list_objects(connect(**options), ListQuery())

    assert [found.key for found in page.objects] == ["a.txt"]


def test_an_authority_of_somebody_else_is_not_enough(
    options, provider, connect, tmp_path
):
    other = build_certificate(tmp_path).authority

    with pytest.raises(Unavailable, match="no trusted TLS"):
        provider.list_objects(connect(**options | {"ca_bundle": other}), ListQuery())


def test_the_certificate_need_not_be_checked(place, provider, connect):
    storage = connect(**place.build_options("media"), verify_tls=False)

    with pytest.warns(InsecureRequestWarning):  # urllib3 tells the operator, once
        page = provider.list_objects(storage, ListQuery())

    assert [found.key for found in page.objects] == ["a.txt"]


def test_the_operators_authorities_count_for_all(
    place, provider, connect, certificate, tmp_path, monkeypatch
):
    authority = tmp_path / "authority.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))

    page = provider.list_objects(connect(**place.build_options("media")), ListQuery())

    assert [found.key for found in page.objects] == ["a.txt"]


def test_cors_is_looked_at_with_the_same_authority(options, provider, connect):
    request = ValidateRequest(origin="https://labels.example.org")

    assert provider.validate(connect(**options), request).is_ok


def test_a_url_keeps_https(options, provider, connect):
    signed = provider.presign(
        connect(**options), PresignRequest("a.txt", timedelta(minutes=1))
    )

    assert signed.url.startswith("https://127.0.0.1:")


def test_a_body_over_tls_can_be_closed_while_it_is_read(options, provider, connect):
    body = provider.get_data(connect(**options), ReadRequest("a.txt"))
    body.reader.read(10)

    closer = threading.Thread(target=body.reader.close)
    start = time.monotonic()
    closer.start()
    closer.join(5)

    assert not closer.is_alive()
    assert time.monotonic() - start < 2


def test_an_authority_is_text_and_no_path():
    with pytest.raises(ValueError, match="not the PEM text"):
        S3Options(bucket="media", ca_bundle="/etc/passwd")


def test_an_authority_that_cannot_be_read_is_told(options, provider, connect):
    broken = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"

    with pytest.raises(Unavailable, match="no trusted TLS"):
        provider.list_objects(connect(**options | {"ca_bundle": broken}), ListQuery())
