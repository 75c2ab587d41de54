"""Reading: what the kit does not ask, since only Azure does it."""

from __future__ import annotations

import gzip

import pytest
from azure.storage.blob import BlobType, ContentSettings

from labeldock.contract import (
    AccessDenied,
    ByteRange,
    ContainerNotFound,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    NotSupported,
    ObjectNotFound,
    ReadRequest,
    Unauthenticated,
    Unavailable,
)
from labeldock.testing.answers import Answer
from labeldock.testing.proxy import Reply

MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"
PLAIN = {
    "ETag": '"abc"',
    "Last-Modified": MODIFIED,
    "Content-Type": "text/plain",
    "x-ms-blob-type": "BlockBlob",
}


@pytest.fixture
def read(provider):
    """The bytes of a blob."""

    def read(storage, key, byte_range=None, **more):
        body = provider.get_data(storage, ReadRequest(key, byte_range, **more))
        try:
            return body.reader.read(-1)
        finally:
            body.reader.close()

    return read


def test_a_large_blob_is_read_with_one_request(
    place, media, through_proxy, proxy, read
):
    data = bytes(range(256)) * 2**14
    place.put(media, "large.bin", data)
    place.put(media, "large.bin", data)

    assert read(through_proxy, "large.bin") == data
    assert len(proxy.record.requests) == 1


def test_no_more_of_a_blob_is_held_than_was_read(
    place, media, through_proxy, proxy, provider
):
    place.put(media, "large.bin", bytes(2**24))

    body = provider.get_data(through_proxy, ReadRequest("large.bin"))
    first = body.reader.read(1000)
    body.reader.close()

    assert len(first) == 1000
    assert body.info.size == 2**24


@pytest.mark.parametrize(
    ("given", "methods"),
    [
        (ByteRange(2, 5), ["GET"]),
        (ByteRange(2), ["GET"]),
        (ByteRange(2, 1000), ["GET"]),
        (ByteRange(None, 4), ["HEAD", "GET"]),  # Azure knows no last bytes
    ],
)
def test_a_range_takes_as_few_requests_as_it_can(
    place, media, through_proxy, proxy, read, given, methods
):
    place.put(media, "a.txt")
    part = given.resolve(10)
    expected = b"0123456789"[part.first : part.last + 1]

    assert read(through_proxy, "a.txt", given) == expected
    assert [method for method, _ in proxy.record.requests] == methods


def test_the_last_bytes_are_those_of_the_blob_that_was_looked_at(
    place, media, through_proxy, proxy, read
):
    etag = place.put(media, "a.txt", b"0123456789")
    place.put(media, "a.txt", b"another one, and longer")
    old = Answer(200, {**PLAIN, "ETag": f'"{etag}"'}, b"0123456789")
    proxy.add(Reply(old), method="HEAD")

    with pytest.raises(Unavailable, match="overwritten"):
        read(through_proxy, "a.txt", ByteRange(None, 4))


def test_what_is_kept_compressed_is_read_as_it_is_kept(place, media, storage, read):
    packed = gzip.compress(b"x" * 1000)
    place.service.get_blob_client(media, "a.json").upload_blob(
        packed, content_settings=ContentSettings(content_encoding="gzip")
    )

    assert read(storage, "a.json") == packed
    assert read(storage, "a.json", ByteRange(2, 9)) == packed[2:10]


@pytest.mark.parametrize("kind", [BlobType.APPENDBLOB, BlobType.PAGEBLOB])
def test_blobs_of_every_kind_are_read(place, media, storage, read, kind):
    data = b"0123456789abcdef" * 32
    place.service.get_blob_client(media, "a.bin").upload_blob(data, blob_type=kind)

    assert read(storage, "a.bin") == data


@pytest.mark.parametrize(
    "given", [ByteRange(None, 0), ByteRange(5, 3), ByteRange(None)]
)
def test_a_range_that_is_none_carries_the_size(place, media, storage, read, given):
    place.put(media, "a.txt")

    with pytest.raises(InvalidRange, match="No byte") as caught:
        read(storage, "a.txt", given)

    assert caught.value.size == 10


def test_an_empty_blob_is_read_and_has_no_range(place, media, storage, read):
    place.put(media, "empty.txt", b"")

    assert read(storage, "empty.txt") == b""
    with pytest.raises(InvalidRange, match="No byte") as caught:
        read(storage, "empty.txt", ByteRange(0, 5))
    assert caught.value.size == 0


def test_a_service_that_ignores_ranges_is_not_believed(through_proxy, proxy, read):
    headers = {**PLAIN, "Content-Range": "bytes 0-9/10"}
    proxy.add(Reply(Answer(206, headers, b"0123456789")))

    with pytest.raises(NotSupported, match="ignores ranges"):
        read(through_proxy, "a.txt", ByteRange(2, 5))


def test_a_content_range_that_cannot_be_read_is_an_error(through_proxy, proxy, read):
    headers = {**PLAIN, "Content-Range": "bytes some-kind/10"}
    proxy.add(Reply(Answer(206, headers, b"2345")))

    with pytest.raises(IntegrityError, match="Content-Range"):
        read(through_proxy, "a.txt", ByteRange(2, 5))


def test_metadata_of_what_is_in_no_container_say_so(place, connect, provider):
    storage = connect(**place.build_options("no-such-container"))

    with pytest.raises(ContainerNotFound, match="no such container"):
        provider.get_data(storage, ReadRequest("a.txt", metadata_only=True))


def test_an_object_that_is_gone_is_no_failed_condition(place, media, storage, provider):
    etag = place.put(media, "a.txt")
    place.remove(media, "a.txt")

    for request in (
        ReadRequest("a.txt", if_match=etag),
        ReadRequest("a.txt", if_match=etag, metadata_only=True),
    ):
        with pytest.raises(ObjectNotFound, match="no such blob"):
            provider.get_data(storage, request)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "k" * 1025,
        "a\0b",
        "\udcff",
        "a\x01",
        "a\\b",
        "a/../b",
        "a.",
        "a./b",
        "/" * 254,
    ],
)
def test_what_can_be_no_name_is_not_asked_for(through_proxy, proxy, read, key):
    with pytest.raises(InvalidKey, match="The key"):
        read(through_proxy, key)

    assert proxy.record.requests == []


@pytest.mark.parametrize(
    "key", ["é" * 1024, "folder/", "/leading", "a//b", "a/" * 253 + "b", ".hidden"]
)
def test_names_at_the_edge_are_read(place, media, storage, read, key):
    place.put(media, key)

    assert read(storage, key) == b"0123456789"


def test_an_archived_blob_says_so(through_proxy, proxy, read):
    proxy.add(Reply(Answer(409, {"x-ms-error-code": "BlobArchived"})))

    with pytest.raises(AccessDenied, match="archived"):
        read(through_proxy, "a.txt")


def test_a_refusal_of_the_key_is_told(through_proxy, proxy, read):
    # Azure says so; Azurite says AuthorizationFailure.
    proxy.add(Reply(Answer(403, {"x-ms-error-code": "AuthenticationFailed"})))

    with pytest.raises(Unauthenticated, match="wrong") as caught:
        read(through_proxy, "a.txt")

    assert caught.value.field == "account_key"
