"""A credentials document leads nowhere but to Google, unless the operator says so."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import (
    Availability,
    ListQuery,
    Unauthenticated,
    ValidateRequest,
)
from labeldock_gcs.documents import check_document, is_google, parse_document
from labeldock_gcs.options import GcsOperatorOptions

IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b:x"
KEY = {
    "type": "service_account",
    "client_email": "owner@labels.iam.gserviceaccount.com",
    "private_key": "key",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "universe_domain": "googleapis.com",
}
FEDERATION = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "service_account_impersonation_url": IAM,
    "credential_source": {"file": "/var/run/token"},
}
FILES = GcsOperatorOptions(token_files=("/var/run/token",))


def refuse(document, operator=FILES):
    """The error that a document is refused with."""
    with pytest.raises(Unauthenticated, match="is not allowed") as caught:
        check_document(parse_document(json.dumps(document)), operator)
    assert caught.value.field == "google_application_credentials"
    assert caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize("document", [KEY, FEDERATION], ids=["key", "federation"])
def test_a_document_of_googles_is_taken(document):
    check_document(document, FILES)


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.example.org/v1/token",
        "http://oauth2.googleapis.com/token",
        "https://googleapis.com.example.org/token",
        "https://examplegoogleapis.com/token",
        "https://oauth2.googleapis.com@example.org/token",
        "https://example.org\\@oauth2.googleapis.com/token",
        "https://169.254.169.254/token",
        "http://metadata.google.internal/token",
        " https://oauth2.googleapis.com/token",
        "https://[::1]/token",
        "file:///etc/passwd",
        "//oauth2.googleapis.com/token",
        "oauth2.googleapis.com",
        7,
        ["https://example.org/"],
    ],
)
@pytest.mark.parametrize(
    ("document", "field"),
    [
        (KEY, "token_uri"),
        (FEDERATION, "token_url"),
        (FEDERATION, "service_account_impersonation_url"),
        (FEDERATION, "token_info_url"),
        (KEY, "a_new_url"),
    ],
)
def test_a_document_that_leads_elsewhere_is_refused(document, field, url):
    assert field in refuse({**document, field: url})


def test_an_address_is_found_wherever_it_stands():
    document = {**KEY, "further": {"deep": [{"down": "see http://example.org"}]}}

    assert "down" in refuse(document)


def test_the_message_names_the_host_and_nothing_else():
    url = "https://example.org/token?key=secret-value"

    message = refuse({**KEY, "token_uri": url})

    assert "example.org" in message
    assert "secret-value" not in message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_the_operator_listed_is_taken(scheme):
    operator = GcsOperatorOptions(token_hosts=("sts.example.org",))

    check_document(
        {**KEY, "token_uri": f"{scheme}://STS.example.org:8443/token"}, operator
    )


def test_a_document_of_another_universe_is_refused():
    assert "universe_domain" in refuse({**KEY, "universe_domain": "example.org"})


@pytest.mark.parametrize(
    "source",
    [
        {"executable": {"command": "/bin/sh"}},
        {"environment_id": "aws1"},
        {"certificate": {"use_default_certificate_config": True}},
        {"file": "/var/run/token", "executable": {}},
        "file",
    ],
)
def test_a_source_that_runs_programs_or_borrows_an_identity_is_refused(source):
    message = refuse({**FEDERATION, "credential_source": source})

    assert "something else than a file or an address" in message


def test_a_file_that_the_operator_did_not_list_is_refused():
    source = {"file": "/etc/passwd"}

    assert "from a file" in refuse({**FEDERATION, "credential_source": source})


def test_a_source_by_address_needs_a_host_that_is_permitted():
    document = {**FEDERATION, "credential_source": {"url": "http://127.0.0.1/token"}}

    assert "127.0.0.1" in refuse(document)
    check_document(document, GcsOperatorOptions(token_hosts=("127.0.0.1",)))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("storage.googleapis.com", True),
        ("storage.europe-west3.rep.googleapis.com", True),
        ("accounts.google.com", True),
        ("GOOGLEAPIS.com", True),
        ("google.com", False),
        ("accounts.google.com.example.org", False),
        ("", False),
    ],
)
def test_googles_hosts_are_known(host, expected):
    assert is_google(host) is expected


def test_a_refused_document_is_a_problem_with_its_field(connect, provider, server):
    document = json.loads(server.build_document())
    document["token_uri"] = "https://example.org/token"
    storage = connect(google_application_credentials=json.dumps(document))

    report = provider.validate(storage, ValidateRequest())

    assert report.status is Availability.FORBIDDEN
    assert [each.field for each in report.problems] == [
        "google_application_credentials"
    ]
    assert server.requests == []


def test_a_refused_document_is_refused_by_every_operation(connect, provider, server):
    storage = connect(operator={"token_hosts": ()})

    with pytest.raises(Unauthenticated, match=r"the host 127.0.0.1 as token_uri"):
        provider.list_objects(storage, ListQuery())

    assert server.requests == []


def test_a_damaged_key_is_a_problem_with_its_field(connect, provider, server):
    document = json.loads(server.build_document())
    document["private_key"] = "-----BEGIN PRIVATE KEY-----\nno\n"
    storage = connect(google_application_credentials=json.dumps(document))

    report = provider.validate(storage, ValidateRequest())

    assert report.status is Availability.FORBIDDEN
    assert report.problems[0].message == "The credentials document is damaged."
