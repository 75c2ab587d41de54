"""Signed URLs: the same as Google's library makes, and what the server says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from labeldock.contract import (
    InvalidKey,
    NotSupported,
    PresignRequest,
    Unauthenticated,
    Unavailable,
)
from labeldock.testing.client import fetch
from labeldock.testing.keys import ODD_KEYS
from labeldock.testing.sockets import block_network
from labeldock_gcs.signing import build_query, sign_url
from tests.servers.gcs.accounts import PROJECT
from tests.servers.gcs.buckets import check_name
from tests.servers.gcs.messages import ApiError

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def is_signable(key):
    try:
        check_name(key)
    except ApiError:
        return False
    return not {".", ".."} & set(key.split("/"))


@pytest.fixture
def key_signer(provider, storage):
    return provider._clients.get_client(storage).signer


def test_a_private_key_signs_without_a_request(provider, storage):
    with block_network() as tried:
        provider.presign(storage, PresignRequest("a.txt", MINUTE))

    assert tried == []


@pytest.mark.parametrize("key", list(filter(is_signable, ODD_KEYS)))
def test_a_url_is_the_one_that_googles_library_makes(provider, storage, key):
    from google.cloud.storage._signing import generate_signed_url_v4

    client = provider._clients.get_client(storage)
    request = PresignRequest(key, MINUTE, "text/plain; charset=utf-8", 'inline; a="ü"')
    blob = client.open_blob(key)
    resource = blob.public_url.partition(client.bucket)[2]

    expected = generate_signed_url_v4(
        client.session.credentials,
        f"/{client.bucket}{resource}",
        60,
        api_access_endpoint=client.options.endpoint,
        response_type=request.content_type,
        response_disposition=request.disposition,
        _request_timestamp="20260102T030405Z",
    )

    url = f"{client.options.endpoint}/{client.bucket}{resource}"
    assert sign_url(client.signer, url, build_query(request, 60), NOW) == expected


def test_a_url_leads_to_the_public_endpoint(provider, connect):
    storage = connect(public_endpoint="https://media.example.org:8443/")

    signed = provider.presign(storage, PresignRequest("a b.txt", MINUTE))

    parts = urlsplit(signed.url)
    assert (parts.scheme, parts.netloc) == ("https", "media.example.org:8443")
    assert parts.path == f"/{storage.options.bucket}/a%20b.txt"


def test_a_url_leads_to_google_unless_told_otherwise(provider, connect):
    signed = provider.presign(
        connect(gcs_endpoint=None), PresignRequest("a.txt", MINUTE)
    )

    assert signed.url.startswith("https://storage.googleapis.com/")


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (timedelta(0), (1, 1)),
        (timedelta(milliseconds=1), (1, 2)),
        (timedelta(seconds=1), (1, 2)),
        (timedelta(seconds=60), (60, 61)),
        (timedelta(days=7), (604800, 604800)),
        (timedelta(days=30), (604800, 604800)),
    ],
)
def test_a_life_is_whole_seconds_and_a_week_at_most(provider, storage, ttl, seconds):
    before = datetime.now(UTC)

    signed = provider.presign(storage, PresignRequest("a.txt", ttl))

    (life,) = parse_qs(urlsplit(signed.url).query)["X-Goog-Expires"]
    assert seconds[0] <= int(life) <= seconds[1]
    assert signed.expires_at >= before + min(ttl, timedelta(days=7, seconds=-1))


@pytest.mark.parametrize("key", ["a/../b", "./a", "a/.", "..", "", "a\nb"])
def test_a_key_that_a_url_cannot_hold_is_refused(provider, storage, key):
    with pytest.raises(InvalidKey, match=r"fold|empty|line break|no object"):
        provider.presign(storage, PresignRequest(key, MINUTE))


def test_a_url_is_good_for_head_too(provider, storage, bucket):
    bucket.put("a.txt", b"data", "text/plain")

    signed = provider.presign(storage, PresignRequest("a.txt", MINUTE))

    answer = fetch(signed.url, "HEAD")
    assert (answer.status, answer.header("Content-Length")) == (200, "4")


def test_a_changed_parameter_breaks_the_signature(provider, storage, bucket):
    bucket.put("a.txt", b"data", "text/plain")
    signed = provider.presign(storage, PresignRequest("a.txt", MINUTE, "text/plain"))

    for old, new in (("text%2Fplain", "text%2Fhtml"), ("Expires=6", "Expires=7")):
        answer = fetch(signed.url.replace(old, new))
        assert (answer.status, b"SignatureDoesNotMatch" in answer.body) == (403, True)


# Without a key


@pytest.fixture
def impersonator(connect, server):
    """A storage of an account without a key of its own."""
    source = server.add_account("signer", tokens_for=["reader"])
    return connect(
        google_application_credentials=server.build_document(source),
        impersonate_service_account=f"reader@{PROJECT}.iam.gserviceaccount.com",
        operator={"iam_endpoint": server.url},
    )


def test_google_signs_where_there_is_no_key(provider, impersonator, bucket):
    bucket.put("a b.txt", b"data", "text/plain")

    signed = provider.presign(impersonator, PresignRequest("a b.txt", MINUTE))

    assert "reader%40" in signed.url
    assert fetch(signed.url).body == b"data"


def test_who_may_not_have_urls_signed_streams_instead(provider, impersonator, server):
    server.add_fault(path=":signBlob", status=403, times=100)

    for _ in range(3):
        with pytest.raises(NotSupported, match="Nobody may sign") as caught:
            provider.presign(impersonator, PresignRequest("a.txt", MINUTE))

    assert "Token Creator" in caught.value.remedy
    targets = [target for _, target in server.requests]
    assert len([each for each in targets if each.endswith(":signBlob")]) == 1


def test_a_refusal_is_not_remembered_forever(
    provider, impersonator, server, monkeypatch
):
    from labeldock_gcs import signers

    server.add_fault(path=":signBlob", status=403)
    with pytest.raises(NotSupported, match="Nobody may sign"):
        provider.presign(impersonator, PresignRequest("a.txt", MINUTE))
    now = signers.time.monotonic()
    monkeypatch.setattr(signers.time, "monotonic", lambda: now + 301)

    assert provider.presign(impersonator, PresignRequest("a.txt", MINUTE)).url


def test_an_iam_service_that_fails_is_unavailable(provider, impersonator, server):
    fault = server.add_fault(path=":signBlob", status=503, times=100)

    with pytest.raises(Unavailable, match="at the moment"):
        provider.presign(impersonator, PresignRequest("a.txt", MINUTE))

    assert fault.fired == 3


def test_an_account_that_does_not_exist_is_told(provider, impersonator, server):
    server.add_fault(path=":signBlob", status=404)

    with pytest.raises(Unauthenticated, match="no such service account"):
        provider.presign(impersonator, PresignRequest("a.txt", MINUTE))


def test_an_account_learns_its_name_from_its_first_token(server):
    from labeldock_gcs.options import GcsOperatorOptions
    from labeldock_gcs.signers import IamSigner

    class Machine:
        """As on a machine of Google's."""

        email = "default"
        signer = None
        credentials = None

        def refresh(self, tokens):
            self.email = "machine@x.iam.gserviceaccount.com"

    machine = Machine()
    machine.credentials = machine

    signer = IamSigner(machine, None, GcsOperatorOptions())

    assert signer.email == "machine@x.iam.gserviceaccount.com"


def test_nobody_signs_for_nobody(provider, connect):
    storage = connect(google_application_credentials=None, anonymous=True)

    with pytest.raises(NotSupported, match="cannot sign"):
        provider.presign(storage, PresignRequest("a.txt", MINUTE))
