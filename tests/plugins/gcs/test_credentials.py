"""As whom the provider speaks: keys, federation, impersonation, the server's own."""

from __future__ import annotations

import json
import threading
import time

import pytest

from labeldock.contract import (
    AccessDenied,
    Availability,
    ListQuery,
    OperationTimeout,
    ReadRequest,
    Unauthenticated,
    Unavailable,
    ValidateRequest,
)
from tests.servers.gcs.accounts import PROJECT, READING
from tests.servers.gcs.tokens import Tokens

SUBJECT = "token-of-the-pool"


@pytest.fixture
def list_keys(provider):
    """The keys of a storage's first page."""

    def list_keys(storage):
        page = provider.list_objects(storage, ListQuery())
        return [each.key for each in page.objects]

    return list_keys


@pytest.fixture
def photo(bucket):
    bucket.put("photo.jpg", b"photo", "image/jpeg")
    return "photo.jpg"


def email(account):
    return f"{account}@{PROJECT}.iam.gserviceaccount.com"


# Keys of service accounts


def test_a_token_is_fetched_once(connect, list_keys, photo, server):
    storage = connect()

    for _ in range(3):
        assert list_keys(storage) == [photo]

    assert [target for _, target in server.requests].count("/token") == 1


def test_a_token_that_is_not_accepted_any_more_is_replaced(
    connect, list_keys, photo, server
):
    storage = connect()
    list_keys(storage)
    server.tokens.expire_all()

    assert list_keys(storage) == [photo]


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        ({"has_key": False}, "wrong, or was deleted", "Create a new key"),
        ({"state": "disabled"}, "is disabled", "Have it enabled"),
        ({"state": "deleted"}, "no such service account any more", "another account"),
    ],
)
def test_a_key_that_is_no_longer_good_says_why(
    connect, provider, server, change, message, remedy
):
    account = server.add_account("former")
    for name, value in change.items():
        setattr(account, name, value)
    storage = connect(google_application_credentials=server.build_document(account))

    with pytest.raises(Unauthenticated, match=message) as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == "google_application_credentials"
    assert remedy in caught.value.remedy


def test_a_wrong_clock_is_told_from_a_wrong_key(connect, provider, server, monkeypatch):
    from google.auth import _helpers

    utcnow = _helpers.utcnow
    monkeypatch.setattr(
        _helpers, "utcnow", lambda: utcnow().replace(year=utcnow().year + 1)
    )

    with pytest.raises(Unauthenticated, match=r"clocks .* differ") as caught:
        provider.list_objects(connect(), ListQuery())

    assert "Set the clock" in caught.value.remedy


def test_a_token_service_that_fails_is_unavailable(connect, provider, server):
    fault = server.add_fault(path="/token", status=503, times=100)

    with pytest.raises(Unavailable, match="token service cannot answer"):
        provider.list_objects(connect(), ListQuery())

    assert fault.fired == 3


def test_a_token_service_that_hangs_is_given_up(connect, provider, server):
    server.add_fault(path="/token", stall=0, times=100)
    started = time.monotonic()

    with pytest.raises(OperationTimeout):
        provider.list_objects(connect(operator={"read_timeout": 0.5}), ListQuery())

    assert time.monotonic() - started < 3


def test_a_token_service_that_redirects_is_not_followed(connect, provider, server):
    headers = {"Location": "https://example.org/token"}
    server.add_fault(path="/token", status=307, headers=headers, times=100)

    with pytest.raises(AccessDenied, match="leads to another host"):
        provider.list_objects(connect(), ListQuery())


# Nobody


def test_a_public_bucket_needs_no_credentials(
    connect, list_keys, photo, provider, bucket, server
):
    bucket.is_public = True
    storage = connect(google_application_credentials=None, anonymous=True)

    assert list_keys(storage) == [photo]
    assert provider.get_data(storage, ReadRequest(photo)).reader.read(9) == b"photo"
    assert "/token" not in [target for _, target in server.requests]


def test_nobody_is_told_that_a_bucket_is_not_public(connect, provider):
    storage = connect(google_application_credentials=None, anonymous=True)

    report = provider.validate(storage, ValidateRequest())

    assert report.status is Availability.FORBIDDEN
    assert "not public" in report.problems[0].message
    assert report.problems[0].field == "google_application_credentials"


# The server's own identity


@pytest.fixture
def own_identity(server, tmp_path, monkeypatch):
    """Application Default Credentials of this machine."""
    path = tmp_path / "own.json"
    path.write_text(server.build_document(server.reader))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


@pytest.mark.usefixtures("own_identity")
@pytest.mark.parametrize("asked", [True, False])
def test_the_servers_own_identity_is_used_if_it_is_permitted(
    connect, list_keys, photo, asked
):
    storage = connect(
        google_application_credentials=None,
        ambient_credentials=asked,
        operator={"ambient_credentials": True},
    )

    assert list_keys(storage) == [photo]


@pytest.mark.usefixtures("own_identity")
@pytest.mark.parametrize(
    ("asked", "message", "field"),
    [
        (True, "does not permit", "ambient_credentials"),
        (False, "There are no credentials", "google_application_credentials"),
    ],
)
def test_the_servers_own_identity_is_not_used_without_permission(
    connect, provider, server, asked, message, field
):
    storage = connect(google_application_credentials=None, ambient_credentials=asked)

    with pytest.raises(Unauthenticated, match=message) as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == field
    assert "LABELDOCK_GCS_AMBIENT_CREDENTIALS" in caught.value.remedy
    assert server.requests == []


@pytest.mark.usefixtures("own_identity")
def test_a_document_wins_over_the_servers_own_identity(connect, provider, server):
    storage = connect(
        google_application_credentials=server.build_document(server.stranger),
        ambient_credentials=True,
        operator={"ambient_credentials": True},
    )

    with pytest.raises(AccessDenied, match=r"storage.objects.list"):
        provider.list_objects(storage, ListQuery())


@pytest.mark.usefixtures("own_identity")
def test_the_servers_own_identity_is_not_shown_to_hosts_of_others(
    connect, provider, server
):
    storage = connect(
        google_application_credentials=None,
        operator={"ambient_credentials": True, "token_hosts": ()},
    )

    with pytest.raises(Unauthenticated, match="not shown to this endpoint") as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == "gcs_endpoint"
    assert server.requests == []


def test_a_server_without_an_identity_says_so(connect, provider, monkeypatch, tmp_path):
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    storage = connect(
        google_application_credentials=None, operator={"ambient_credentials": True}
    )

    with pytest.raises(Unauthenticated, match="no identity of its own"):
        provider.list_objects(storage, ListQuery())


# Impersonation


def test_another_account_is_impersonated(connect, list_keys, photo, server):
    source = server.add_account("source", tokens_for=["reader"])
    storage = connect(
        google_application_credentials=server.build_document(source),
        impersonate_service_account=email("reader"),
        operator={"iam_endpoint": server.url},
    )

    assert list_keys(storage) == [photo]


@pytest.mark.parametrize("target", ["owner", "nobody-knows-it"])
def test_an_account_that_must_not_be_impersonated_is_a_problem(
    connect, provider, server, target
):
    source = server.add_account("powerless")
    storage = connect(
        google_application_credentials=server.build_document(source),
        impersonate_service_account=email(target),
        operator={"iam_endpoint": server.url},
    )

    report = provider.validate(storage, ValidateRequest())

    assert report.status is Availability.FORBIDDEN
    assert report.problems[0].field == "impersonate_service_account"
    assert "Token Creator" in report.problems[0].remedy


def test_an_iam_service_that_fails_is_unavailable(connect, provider, server):
    server.add_fault(
        path=":generateAccessToken",
        status=503,
        body=b'{"error": {"code": 503, "message": "down"}}',
        times=10,
    )
    storage = connect(
        impersonate_service_account=email("reader"),
        operator={"iam_endpoint": server.url},
    )

    with pytest.raises(Unavailable, match="token service"):
        provider.list_objects(storage, ListQuery())


# Workload identity federation


@pytest.fixture
def pool(server):
    """The account that the bearer of the pool's token is."""
    account = server.add_account("pool", READING, tokens_for=["owner"])
    server.tokens.subjects = {SUBJECT: account}
    return account


@pytest.fixture
def federate(server):
    """A federation's document."""

    def federate(source, **fields):
        document = {
            "type": "external_account",
            "audience": Tokens.audience,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server.url}/v1/token",
            "credential_source": source,
            **fields,
        }
        return json.dumps(document)

    return federate


@pytest.mark.usefixtures("pool")
def test_a_federated_token_comes_from_a_file(
    connect, list_keys, photo, federate, tmp_path
):
    path = tmp_path / "token"
    path.write_text(SUBJECT)
    storage = connect(
        google_application_credentials=federate({"file": str(path)}),
        operator={"token_files": (str(path),)},
    )

    assert list_keys(storage) == [photo]


@pytest.mark.usefixtures("pool")
def test_a_federated_token_comes_from_an_address(
    connect, list_keys, photo, federate, server
):
    server.add_fault(path="/subject", status=200, body=SUBJECT.encode())
    source = {"url": f"{server.url}/subject", "headers": {"X-Name": "value"}}

    storage = connect(google_application_credentials=federate(source))

    assert list_keys(storage) == [photo]


@pytest.mark.usefixtures("pool")
def test_a_federation_may_act_as_an_account(
    connect, list_keys, photo, federate, server, tmp_path
):
    path = tmp_path / "token"
    path.write_text(SUBJECT)
    target = f"{server.url}/v1/projects/-/serviceAccounts/{email('owner')}"
    document = federate(
        {"file": str(path)},
        service_account_impersonation_url=f"{target}:generateAccessToken",
    )
    storage = connect(
        google_application_credentials=document,
        operator={"token_files": (str(path),)},
    )

    assert list_keys(storage) == [photo]


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(
    ("fields", "token", "message"),
    [
        ({"audience": "//iam.googleapis.com/other"}, SUBJECT, "audience"),
        ({}, "another token", "is not accepted"),
    ],
)
def test_a_federation_that_is_refused_says_why(
    connect, provider, federate, tmp_path, fields, token, message
):
    path = tmp_path / "token"
    path.write_text(token)
    storage = connect(
        google_application_credentials=federate({"file": str(path)}, **fields),
        operator={"token_files": (str(path),)},
    )

    with pytest.raises(Unauthenticated, match=message) as caught:
        provider.list_objects(storage, ListQuery())

    assert caught.value.field == "google_application_credentials"


def test_a_federation_without_its_file_says_so(connect, provider, federate, tmp_path):
    path = str(tmp_path / "none")
    storage = connect(
        google_application_credentials=federate({"file": path}),
        operator={"token_files": (path,)},
    )

    with pytest.raises(Unauthenticated, match="no access token"):
        provider.list_objects(storage, ListQuery())


@pytest.mark.usefixtures("pool")
def test_an_exchange_that_makes_no_sense_is_unavailable(
    connect, provider, federate, server, tmp_path
):
    path = tmp_path / "token"
    path.write_text(SUBJECT)
    server.add_fault(path="/v1/token", status=502, body=b"<html>", times=10)
    storage = connect(
        google_application_credentials=federate({"file": str(path)}),
        operator={"token_files": (str(path),)},
    )

    with pytest.raises(Unavailable, match="token service"):
        provider.list_objects(storage, ListQuery())


# What the SDK would do besides


def test_no_thread_asks_for_more_than_was_asked_for(connect, list_keys, photo, server):
    before = {thread.name for thread in threading.enumerate()}

    assert list_keys(connect()) == [photo]

    started = {thread.name for thread in threading.enumerate()} - before
    assert all("process_request" in name for name in started)
    assert [target.partition("?")[0] for _, target in server.requests] == [
        "/token",
        server.requests[-1][1].partition("?")[0],
    ]
