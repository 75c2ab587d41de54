"""Reading: stored bytes, checked; and bodies that are closed or broken."""

from __future__ import annotations

import gzip
import threading
import time

import pytest

from labeldock.contract import (
    ByteRange,
    ContentRange,
    IntegrityError,
    InvalidRange,
    ObjectNotFound,
    OperationTimeout,
    PreconditionFailed,
    ReadRequest,
    StorageError,
)
from labeldock.testing.proxy import Drop, FaultProxy

TEXT = b"much the same, " * 1000
PACKED = gzip.compress(TEXT)


@pytest.fixture
def packed(bucket):
    """An object that is stored packed."""
    bucket.put("a.txt", PACKED, "text/plain", encoding="gzip")
    return "a.txt"


def test_an_object_that_is_stored_packed_is_read_as_it_is_stored(
    provider, storage, packed, load
):
    body = provider.get_data(storage, ReadRequest(packed))

    assert body.info.size == len(PACKED)
    assert load(packed) == PACKED
    body.reader.close()


def test_ranges_of_a_packed_object_are_of_its_stored_bytes(packed, load):
    assert load(packed, byte_range=ByteRange(2, 9)) == PACKED[2:10]


def test_what_google_packs_on_the_way_is_unpacked(bucket, server, provider, storage):
    stored = bucket.put("a.txt", TEXT, "text/plain")
    headers = {
        "Content-Encoding": "gzip",
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Stored-Content-Length": str(len(TEXT)),
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Hash": f"crc32c={stored.crc32c}",
    }
    server.add_fault(path="/download/", status=200, headers=headers, body=PACKED)

    body = provider.get_data(storage, ReadRequest("a.txt"))

    assert body.info.size == len(TEXT)
    assert b"".join(iter(lambda: body.reader.read(1000), b"")) == TEXT
    body.reader.close()


def test_one_request_reads_an_object(bucket, server, load):
    bucket.put("a.txt", b"data", "text/plain")
    load("a.txt")
    server.requests.clear()

    load("a.txt", byte_range=ByteRange(None, 2))

    assert [method for method, _ in server.requests] == ["GET"]


def test_damaged_bytes_are_noticed(bucket, server, load):
    bucket.put("a.txt", TEXT, "text/plain")
    fault = server.add_fault(path="/download/", damage=True)

    with pytest.raises(IntegrityError, match="damaged on the way"):
        load("a.txt")

    assert fault.fired == 1


def test_a_negative_size_reads_all(bucket, provider, storage):
    bucket.put("a.txt", TEXT, "text/plain")

    body = provider.get_data(storage, ReadRequest("a.txt"))

    assert body.reader.read(-1) == TEXT
    body.reader.close()


def test_a_body_that_ends_early_is_an_error(bucket, server, load):
    bucket.put("a.txt", TEXT, "text/plain")
    server.add_fault(path="/download/", truncate=100)

    with pytest.raises(IntegrityError, match="ended early"):
        load("a.txt")


def test_a_body_of_unannounced_length_that_ends_early_is_an_error(
    bucket, server, provider, storage
):
    stored = bucket.put("a.txt", TEXT, "text/plain")
    headers = {
        "X-Goog-Stored-Content-Length": str(len(TEXT)),
        "X-Goog-Generation": str(stored.generation),
    }
    server.add_fault(path="/download/", status=200, headers=headers, body=TEXT[:50])
    body = provider.get_data(storage, ReadRequest("a.txt"))
    assert body.reader.read(50) == TEXT[:50]

    with pytest.raises(IntegrityError, match="ended early"):
        body.reader.read(50)

    body.reader.close()


def test_a_body_that_stalls_is_given_up(bucket, server, provider, connect):
    bucket.put("a.txt", TEXT, "text/plain")
    server.add_fault(path="/download/", stall=100)
    storage = connect(operator={"read_timeout": 0.5})
    body = provider.get_data(storage, ReadRequest("a.txt"))

    with pytest.raises(OperationTimeout, match="in time"):
        body.reader.read(len(TEXT))

    body.reader.close()


def test_closing_wakes_a_read_that_waits(bucket, server, provider, connect):
    bucket.put("a.txt", TEXT, "text/plain")
    server.add_fault(path="/download/", stall=100)
    storage = connect(operator={"read_timeout": 30})
    body = provider.get_data(storage, ReadRequest("a.txt"))
    caught = []

    def read():
        try:
            while body.reader.read(len(TEXT)):
                pass
        except StorageError as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.2)
    body.reader.close()
    thread.join(5)

    assert not thread.is_alive()
    assert isinstance(caught[0], IntegrityError)


def test_a_read_after_closing_is_an_error_of_ours(bucket, provider, storage):
    bucket.put("a.txt", TEXT, "text/plain")
    body = provider.get_data(storage, ReadRequest("a.txt"))
    body.reader.close()

    with pytest.raises(IntegrityError, match=r"closed|ended"):
        body.reader.read(10)


def test_a_body_can_be_closed_twice(bucket, provider, storage):
    bucket.put("a.txt", TEXT, "text/plain")
    body = provider.get_data(storage, ReadRequest("a.txt"))

    body.reader.close()
    body.reader.close()


def test_a_body_whose_connection_was_reset_can_be_closed(
    bucket, server, provider, connect
):
    bucket.put("a.txt", TEXT, "text/plain")
    with FaultProxy(server.url) as proxy:
        proxy.add(Drop(after=5000))
        storage = connect(gcs_endpoint=proxy.url)
        body = provider.get_data(storage, ReadRequest("a.txt"))
        body.reader.read(10)
        time.sleep(0.2)

        body.reader.close()


def test_a_fault_of_our_own_is_not_taken_for_an_outage(bucket, provider, storage):
    bucket.put("a.txt", TEXT, "text/plain")
    reader = provider.get_data(storage, ReadRequest("a.txt")).reader
    raw, reader._raw = reader._raw, None

    with pytest.raises(AttributeError, match="read"):
        reader.read(10)

    reader._raw = raw
    reader.close()


def test_a_body_that_was_read_gives_its_connection_back(bucket, server, load):
    bucket.put("a.txt", TEXT, "text/plain")
    bucket.put("empty", b"", "text/plain")
    load("a.txt")
    opened = set(server._http.open)

    for _ in range(5):
        load("a.txt")
        load("empty")

    assert not server._http.open - opened


def test_an_unread_empty_body_gives_its_connection_back(
    bucket, server, provider, storage
):
    bucket.put("empty", b"", "text/plain")
    provider.get_data(storage, ReadRequest("empty")).reader.close()
    opened = set(server._http.open)

    for _ in range(5):
        provider.get_data(storage, ReadRequest("empty")).reader.close()

    assert not server._http.open - opened


@pytest.mark.parametrize("size", [0, 10])
def test_a_range_past_the_end_says_the_size(bucket, provider, storage, size):
    bucket.put("a.txt", bytes(size), "text/plain")
    request = ReadRequest("a.txt", ByteRange(100, 200))

    with pytest.raises(InvalidRange, match="No byte") as caught:
        provider.get_data(storage, request)

    assert caught.value.size == size


def test_all_for_a_range_is_taken_if_the_range_is_all(
    bucket, server, provider, storage
):
    stored = bucket.put("a.txt", b"0123", "text/plain")
    headers = {"X-Goog-Generation": str(stored.generation)}
    server.add_fault(
        path="/download/", status=200, headers=headers, body=b"0123", times=9
    )

    body = provider.get_data(storage, ReadRequest("a.txt", ByteRange(0, 99)))
    assert body.content_range == ContentRange(0, 3, 4)
    body.reader.close()
    with pytest.raises(StorageError, match="does not give out ranges"):
        provider.get_data(storage, ReadRequest("a.txt", ByteRange(1, 2)))
    with pytest.raises(InvalidRange, match="No byte"):
        provider.get_data(storage, ReadRequest("a.txt", ByteRange(4, 9)))


@pytest.mark.parametrize("metadata_only", [True, False])
@pytest.mark.parametrize("etag", ["0", "1", "x", "9" * 30, "-5", "٣"])
def test_an_etag_of_others_matches_nothing(
    bucket, provider, storage, etag, metadata_only
):
    bucket.put("a.txt", b"data", "text/plain")
    request = ReadRequest("a.txt", metadata_only=metadata_only, if_match=etag)

    with pytest.raises(PreconditionFailed, match="not the one expected"):
        provider.get_data(storage, request)


def test_an_object_that_is_not_there_has_no_etag(provider, storage):
    with pytest.raises(ObjectNotFound, match="no such object"):
        provider.get_data(storage, ReadRequest("a.txt", if_match="5"))


def test_who_may_not_list_is_refused_what_is_not_there(provider, connect, server):
    from labeldock.contract import AccessDenied

    account = server.add_account("no-list", ["storage.objects.get"])
    storage = connect(google_application_credentials=server.build_document(account))

    with pytest.raises(AccessDenied, match=r"storage.objects.get"):
        provider.get_data(storage, ReadRequest("none.txt"))
