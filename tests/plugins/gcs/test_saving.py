"""Saving: small objects in one request, large ones block by block, none by halves."""

from __future__ import annotations

import io

import pytest

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    BytesContent,
    Condition,
    ContainerNotFound,
    DeleteRequest,
    IntegrityError,
    InvalidKey,
    PreconditionFailed,
    Unavailable,
    WriteRequest,
    matches,
)
from labeldock.testing.contents import build_bytes
from labeldock_gcs.uploads import LARGE

SIZE = 2 * LARGE + 12345
DATA = build_bytes(SIZE)


class Content:
    """Content that says one size and has another, in small portions."""

    def __init__(self, data, size):
        self.data = data
        self.size = size

    def open(self):
        return Portions(self.data)


class Portions(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size=-1):
        return super().read(min(size, 1_000_000) if size > 1 else size)


def count(server, word):
    return sum(word in target for _, target in server.requests)


def test_an_object_up_to_8_mib_takes_one_request(save, bucket, server):
    save("a.bin", DATA[:LARGE])

    assert bucket.find("a.bin").data == DATA[:LARGE]
    assert count(server, "uploadType=multipart") == count(server, "/upload/") == 1


def test_a_larger_one_is_sent_in_blocks(save, bucket, server):
    save("a.bin", DATA, content_type="image/png")

    stored = bucket.find("a.bin")
    assert (stored.data, stored.content_type) == (DATA, "image/png")
    assert count(server, "upload_id=") == 3


def test_etag_and_version_are_the_generation(save, bucket):
    for data in (b"small", DATA):
        saved = save("a.bin", data)
        assert saved.etag == saved.version == str(bucket.find("a.bin").generation)


@pytest.mark.parametrize("size", [1000, LARGE + 1000])
@pytest.mark.parametrize("difference", [-1, 1])
def test_content_of_another_size_leaves_nothing(save, bucket, server, size, difference):
    content = Content(build_bytes(size + difference), size)

    with pytest.raises(IntegrityError, match=f"not {size} bytes long"):
        save("a.bin", content)

    assert bucket.names == []
    assert all(each.is_cancelled for each in server.uploads.sessions.values())


@pytest.mark.parametrize("size", [1000, LARGE + 1000])
def test_content_may_come_in_portions(save, bucket, size):
    save("a.bin", Content(build_bytes(size), size))

    assert bucket.find("a.bin").data == build_bytes(size)


@pytest.mark.parametrize("kept", [0, 256 * 1024, 5 * 2**20])
def test_what_the_server_did_not_keep_is_sent_again(save, bucket, server, kept):
    server.uploads.keep_next = [kept]
    if not kept:
        with pytest.raises(Unavailable, match="lost a part"):
            save("a.bin", DATA)
        return

    save("a.bin", DATA)

    assert bucket.find("a.bin").data == DATA


def test_a_server_that_loses_what_it_had_is_left(save, bucket, server):
    headers = {"Range": "bytes=0-99"}
    server.add_fault(path="upload_id=", method="PUT", times=1, delay=0.01)
    fault = server.add_fault(path="upload_id=", status=308, headers=headers)

    with pytest.raises(Unavailable, match="lost a part"):
        save("a.bin", DATA)

    assert fault.fired == 1
    assert bucket.names == []


@pytest.mark.parametrize("after", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_after_a_failure_the_server_is_asked_how_far_it_is(
    save, bucket, server, block, after
):
    if block > 1:
        server.add_fault(path="upload_id=", method="PUT", times=block - 1, delay=0.001)
    fault = server.add_fault(
        path="upload_id=", method="PUT", status=503, after=after, times=1
    )

    saved = save("a.bin", DATA)

    stored = bucket.find("a.bin")
    assert fault.fired == 1
    assert (stored.data, str(stored.generation)) == (DATA, saved.etag)


def test_an_upload_that_fails_for_good_is_cancelled(save, bucket, server):
    server.add_fault(path="upload_id=", method="PUT", status=503, times=100)

    with pytest.raises(Unavailable, match="at the moment"):
        save("a.bin", DATA)

    assert bucket.names == []
    assert [each.is_cancelled for each in server.uploads.sessions.values()] == [True]


def test_a_failing_cancellation_hides_nothing(save, server):
    server.add_fault(path="upload_id=", method="PUT", status=403, times=100)
    server.add_fault(path="upload_id=", method="DELETE", status=500, times=100)

    with pytest.raises(AccessDenied, match="do not permit"):
        save("a.bin", DATA)


@pytest.mark.parametrize("data", [b"small", DATA], ids=["small", "large"])
def test_bytes_that_were_damaged_on_the_way_make_no_object(save, bucket, server, data):
    server.uploads.damage_next = 1

    with pytest.raises(IntegrityError, match="damaged on the way"):
        save("a.bin", data)

    assert (bucket.names, server.uploads.damage_next) == ([], 0)


@pytest.mark.parametrize(
    ("block", "kind", "message"),
    [(1, Unavailable, "lost a part"), (3, IntegrityError, "less than all")],
)
def test_a_server_that_took_less_is_noticed(save, server, block, kind, message):
    if block > 1:
        server.add_fault(path="upload_id=", method="PUT", times=block - 1, delay=0.001)
    body = b'{"size": "5", "generation": "7"}'
    server.add_fault(path="upload_id=", method="PUT", status=200, body=body)

    with pytest.raises(kind, match=message):
        save("a.bin", DATA)


@pytest.mark.parametrize("data", [b"small", DATA], ids=["small", "large"])
def test_a_condition_that_does_not_hold_writes_nothing(save, bucket, data):
    old = bucket.put("a.bin", b"old", "text/plain")

    for condition in (ABSENT, matches("5"), matches("other"), matches("0")):
        with pytest.raises(PreconditionFailed, match="not the one expected"):
            save("a.bin", data, condition)

    assert bucket.find("a.bin") is old


@pytest.mark.parametrize("data", [b"small", DATA], ids=["small", "large"])
def test_a_condition_that_holds_writes(save, bucket, data):
    first = save("a.bin", data, ABSENT)

    save("a.bin", data[:-1], matches(first.etag))

    assert bucket.find("a.bin").data == data[:-1]


def test_an_etag_of_others_is_not_an_absent_object(save, bucket):
    for etag in ("0", "x"):
        with pytest.raises(PreconditionFailed, match="not the one expected"):
            save("a.bin", b"data", Condition(etag=etag))

    assert bucket.names == []


def test_a_missing_bucket_is_told(provider, connect):
    storage = connect(bucket="there-is-none")
    request = WriteRequest("a", BytesContent(b"x"), "text/plain")

    with pytest.raises(ContainerNotFound, match="no such bucket") as caught:
        provider.save_annotation(storage, request)

    assert caught.value.field == "bucket"


def test_who_may_only_create_cannot_overwrite(provider, connect, bucket, server):
    account = server.add_account("creator", ["storage.objects.create"])
    storage = connect(google_application_credentials=server.build_document(account))
    request = WriteRequest("a", BytesContent(b"x"), "text/plain")
    provider.save_annotation(storage, request)

    with pytest.raises(AccessDenied, match=r"storage.objects.delete to overwrite"):
        provider.save_annotation(storage, request)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a\0b",
        "\udcff",
        "a\rb",
        ".",
        "..",
        "k" * 1025,
        ".well-known/acme-challenge/x",
    ],
)
def test_what_cannot_be_a_key_is_refused_without_a_request(
    provider, storage, server, key
):
    with pytest.raises(InvalidKey, match=r"key|object of this name"):
        provider.save_annotation(
            storage, WriteRequest(key, BytesContent(b"x"), "text/plain")
        )
    with pytest.raises(InvalidKey, match=r"key|object of this name"):
        provider.delete_annotation(storage, DeleteRequest(key))

    assert server.requests == []


def test_a_deletion_is_not_repeated_when_it_may_have_been_done(
    provider, storage, bucket, server
):
    bucket.put("a", b"x", "text/plain")
    server.add_fault(method="DELETE", status=503, after=True, times=100)

    with pytest.raises(Unavailable, match="at the moment"):
        provider.delete_annotation(storage, DeleteRequest("a"))

    assert bucket.names == []
