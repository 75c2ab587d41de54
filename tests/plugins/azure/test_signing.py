"""Signed URLs: those of the SDK, and a server that checks them agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from labeldock.contract import InvalidKey, PresignRequest
from labeldock.testing.client import fetch
from labeldock.testing.keys import ODD_KEYS
from labeldock.testing.sockets import block_network
from tests.plugins.azure.rig import UNLIKE

MINUTE = timedelta(minutes=1)
AZURE = {"container": "media", "account_name": "labels", "account_key": "a2V5"}


def list_parameters(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def sign(provider, storage):
    def sign(key, ttl=MINUTE, **more):
        return provider.presign(storage, PresignRequest(key, ttl, **more))

    return sign


def test_a_signed_url_is_the_one_that_the_sdk_makes(provider, connect):
    request = PresignRequest("cats/1 ä.jpg", MINUTE, "image/jpeg", "inline")

    url = provider.presign(connect(**AZURE), request).url

    told = list_parameters(url)
    theirs = generate_blob_sas(
        "labels",
        "media",
        "cats/1 ä.jpg",
        account_key="a2V5",
        permission=BlobSasPermissions(read=True),
        start=told["st"],
        expiry=told["se"],
        content_type="image/jpeg",
        content_disposition="inline",
    )
    assert urlsplit(url).query == theirs


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if not UNLIKE.search(key)])
def test_a_name_is_fully_quoted(provider, connect, key):
    url = provider.presign(connect(**AZURE), PresignRequest(key, MINUTE)).url
    parts = urlsplit(url)

    assert parts.netloc == "labels.blob.core.windows.net"
    assert unquote(parts.path) == f"/media/{key}"
    assert parts.fragment == ""
    assert set(list_parameters(url)) == {"st", "se", "sp", "sv", "sr", "sig"}


@pytest.mark.parametrize("key", ["a b#c?.txt", "100%", "ä+ö", "a&b=c;d", "a:b@c"])
def test_a_server_finds_the_blob_by_its_quoted_name(place, media, sign, key):
    place.put(media, key)

    assert fetch(sign(key).url).body == b"0123456789"


def test_a_url_reads_one_blob_and_nothing_else(sign):
    told = list_parameters(sign("a.txt").url)

    assert (told["sp"], told["sr"]) == ("r", "b")


def test_a_url_starts_earlier_for_clocks_that_are_behind(sign):
    told = list_parameters(sign("a.txt").url)

    started = datetime.fromisoformat(told["st"])
    assert started < datetime.now(UTC) - timedelta(minutes=4)


@pytest.mark.parametrize("ttl", [0.2, 1, 1.5, 60, 3600])
def test_a_url_lives_at_least_as_long_as_was_asked(sign, ttl):
    asked = datetime.now(UTC)

    signed = sign("a.txt", timedelta(seconds=ttl))
    answered = datetime.now(UTC)

    ends = datetime.fromisoformat(list_parameters(signed.url)["se"])
    assert asked + timedelta(seconds=ttl) <= signed.expires_at == ends
    assert ends <= answered + timedelta(seconds=ttl + 2)


def test_a_url_lives_a_week_at_most(sign):
    signed = sign("a.txt", timedelta(days=30))

    assert signed.expires_at <= datetime.now(UTC) + timedelta(days=7, seconds=1)


def test_a_changed_url_is_refused(place, media, sign):
    place.put(media, "a.txt")
    place.put(media, "b.txt")
    url = sign("a.txt").url

    for old, new in (("a.txt", "b.txt"), ("sp=r", "sp=rw"), ("sr=b", "sr=c")):
        assert old in url
        assert fetch(url.replace(old, new)).status in range(400, 500)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_method_is_refused(place, media, sign, method):
    place.put(media, "a.txt")

    answer = fetch(
        sign("a.txt").url, method, body=b"x", headers={"x-ms-blob-type": "BlockBlob"}
    )

    assert answer.status in range(400, 500)
    assert place.read(media, "a.txt") == b"0123456789"


def test_browsers_are_sent_to_the_public_endpoint(place, media, provider, connect):
    place.put(media, "a.txt")
    storage = connect(**place.build_options(media) | {
        "azure_endpoint": "http://azurite.internal:10000/devstoreaccount1",
        "public_endpoint": place.endpoint,
    })  # fmt: skip

    url = provider.presign(storage, PresignRequest("a.txt", MINUTE)).url

    assert fetch(url).body == b"0123456789"


def test_a_connection_string_can_sign(place, media, provider, connect):
    place.put(media, "a.txt")
    storage = connect(**place.build_string_options(media))

    assert fetch(provider.presign(storage, PresignRequest("a.txt", MINUTE)).url).body


def test_no_url_needs_the_network(provider, connect):
    with block_network() as tried:
        provider.presign(connect(**AZURE), PresignRequest("a.txt", MINUTE))

    assert tried == []


@pytest.mark.parametrize("key", ["..", "a/../b", "./a", "a/.", "a./b", "a."])
def test_a_name_that_would_be_folded_is_refused(sign, key):
    with pytest.raises(InvalidKey, match="ends in a dot"):
        sign(key)


def test_what_is_signed_shows_itself_nowhere(sign):
    assert "sig=" not in repr(sign("a.txt"))
