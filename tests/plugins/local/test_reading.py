"""Reading objects: bytes, ranges, conditions, and files that change meanwhile."""

from __future__ import annotations

import os
import threading
import time

import pytest

from labeldock.contract import (
    AccessDenied,
    ByteRange,
    ContentRange,
    IntegrityError,
    InvalidRange,
    ListQuery,
    ObjectNotFound,
    PreconditionFailed,
    ReadRequest,
)
from labeldock_local.objects import guess_type


@pytest.fixture
def open_body(provider, storage):
    """Open an object; closed at the end of the test."""
    bodies = []

    def open_body(key, **request):
        bodies.append(provider.get_data(storage, ReadRequest(key, **request)))
        return bodies[-1]

    yield open_body
    for body in bodies:
        body.reader.close()


def test_the_bytes_are_those_of_the_file(put, open_body):
    data = os.urandom(200_000)
    put("a/b.bin", data)

    body = open_body("a/b.bin")

    blocks = list(iter(lambda: body.reader.read(7000), b""))
    assert b"".join(blocks) == data
    assert max(map(len, blocks)) <= 7000
    assert body.content_range is None
    assert body.reader.read(1) == b""


def test_an_empty_object_has_no_bytes(put, open_body):
    put("a")

    body = open_body("a")

    assert body.info.size == 0
    assert body.reader.read(10) == b""


def test_the_info_is_the_one_of_the_listing(put, open_body, provider, storage):
    put("a/b.json", b"{}")
    (listed,) = provider.list_objects(storage, ListQuery()).objects

    info = open_body("a/b.json").info

    assert info == listed._replace(content_type="application/json")
    assert open_body("a/b.json", metadata_only=True).info == info


def test_metadata_has_no_bytes_and_opens_no_file(put, open_body, monkeypatch):
    put("a", b"12345")
    opened, system_open = [], os.open

    def watched(path, flags, *args, **options):
        opened.append(path)
        return system_open(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", watched)

    body = open_body("a", metadata_only=True)

    assert (body.info.size, body.reader.read(10)) == (5, b"")
    assert b"a" not in opened


@pytest.mark.parametrize(
    ("selected", "data", "resolved"),
    [
        (ByteRange(0, 0), b"0", (0, 0, 10)),
        (ByteRange(2, 4), b"234", (2, 4, 10)),
        (ByteRange(7), b"789", (7, 9, 10)),
        (ByteRange(7, 99), b"789", (7, 9, 10)),
        (ByteRange(None, 3), b"789", (7, 9, 10)),
        (ByteRange(None, 99), b"0123456789", (0, 9, 10)),
    ],
)
def test_a_range_gives_its_bytes(put, open_body, selected, data, resolved):
    put("a", b"0123456789")

    body = open_body("a", byte_range=selected)

    assert body.reader.read(100) == data
    assert body.content_range == ContentRange(*resolved)
    assert body.info.size == 10


@pytest.mark.parametrize("selected", [ByteRange(10), ByteRange(None, 0), ByteRange(99)])
def test_a_range_without_a_byte_is_refused_with_the_size(put, open_body, selected):
    put("a", b"0123456789")

    with pytest.raises(InvalidRange, match="none in the range") as caught:
        open_body("a", byte_range=selected)

    assert caught.value.size == 10


def test_an_empty_object_has_no_range(put, open_body):
    put("a")

    with pytest.raises(InvalidRange, match="0 bytes") as caught:
        open_body("a", byte_range=ByteRange(0))

    assert caught.value.size == 0


@pytest.mark.parametrize("key", ["missing", "folder", "folder/missing", "file/below"])
@pytest.mark.parametrize("metadata_only", [True, False])
def test_what_is_no_object_is_not_found(put, open_body, key, metadata_only):
    put("folder/a")
    put("file")

    with pytest.raises(ObjectNotFound, match="no such file") as caught:
        open_body(key, metadata_only=metadata_only)

    assert caught.value.key == key


def test_a_file_without_permission_is_denied(unprivileged, connect, provider):
    (unprivileged / "a").touch(0o000)
    storage = connect(unprivileged, roots=(unprivileged,))

    with pytest.raises(AccessDenied, match="permission denied") as caught:
        provider.get_data(storage, ReadRequest("a"))

    assert caught.value.key == "a"


@pytest.mark.parametrize("metadata_only", [True, False])
def test_another_etag_is_refused(put, open_body, metadata_only):
    put("a", b"old")
    etag = open_body("a").info.etag
    assert open_body("a", if_match=etag, metadata_only=metadata_only).info.size == 3
    put("a", b"newer")

    with pytest.raises(PreconditionFailed, match="ETag is another") as caught:
        open_body("a", if_match=etag, metadata_only=metadata_only)

    assert caught.value.key == "a"


def test_a_file_replaced_while_it_is_read_gives_the_old_bytes(open_body, save):
    save("a", b"old" * 1000)
    reader = open_body("a").reader
    first = reader.read(10)

    save("a", b"new" * 2000)

    assert first + reader.read(-1) == b"old" * 1000


def test_a_file_deleted_while_it_is_read_gives_its_bytes(put, open_body):
    path = put("a", b"data")
    reader = open_body("a").reader

    path.unlink()

    assert reader.read(10) == b"data"


def test_a_file_that_shrinks_while_it_is_read_is_an_error(put, open_body):
    path = put("a", b"0123456789")
    reader = open_body("a").reader
    reader.read(5)

    os.truncate(path, 5)

    with pytest.raises(IntegrityError, match="ended early"):
        reader.read(5)


def test_a_file_changed_in_place_while_it_is_read_is_an_error(put, open_body):
    path = put("a", b"old" * 1000)
    reader = open_body("a").reader
    reader.read(1500)

    path.write_bytes(b"new" * 1000)

    with pytest.raises(IntegrityError, match="was changed"):
        reader.read(5000)


def test_a_file_that_grows_ends_at_the_size_announced_or_fails(put, open_body):
    path = put("a", b"0123456789")
    reader = open_body("a").reader
    assert reader.read(5) == b"01234"

    with path.open("ab") as stream:
        stream.write(b"more")

    with pytest.raises(IntegrityError, match="was changed"):
        reader.read(50)


def test_closing_twice_does_no_harm(put, open_body, descriptors):
    put("a", b"data")
    before = descriptors()
    reader = open_body("a").reader

    reader.close()
    reader.close()

    assert descriptors() == before


def test_a_closed_reader_fails(put, open_body):
    put("a", b"data")
    reader = open_body("a").reader
    reader.read(2)

    reader.close()

    with pytest.raises(IntegrityError, match="closed before its end"):
        reader.read(2)


def test_closing_during_a_read_leaves_that_read_its_file(
    put, open_body, descriptors, monkeypatch
):
    put("a", b"data")
    before = descriptors()
    reader = open_body("a").reader
    reading, closed, pread = threading.Event(), threading.Event(), os.pread
    result = []

    def slow_read(descriptor, size, offset):
        reading.set()
        assert closed.wait(10)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", slow_read)
    thread = threading.Thread(target=lambda: result.append(reader.read(4)))
    thread.start()
    assert reading.wait(10)
    started = time.monotonic()
    reader.close()
    took = time.monotonic() - started
    closed.set()
    thread.join()

    assert result == [b"data"]
    assert took < 5
    assert descriptors() == before


def test_refusals_leave_no_file_open(put, open_body, descriptors):
    put("a", b"data")
    before = descriptors()

    for request in ({"if_match": "other"}, {"byte_range": ByteRange(9)}):
        with pytest.raises((PreconditionFailed, InvalidRange), match="a"):
            open_body("a", **request)

    assert descriptors() == before


def test_many_threads_read_at_once(put, load):
    for number in range(16):
        put(str(number), bytes([number]) * 100_000)
    wrong = []

    def run(number):
        data = bytes([number]) * 100_000
        wrong.extend(number for _ in range(5) if load(str(number)) != data)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.json", "application/json"),
        ("a.jsonl", "application/jsonl"),
        ("A.JPG", "image/jpeg"),
        ("a/b.c/d.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.svg", "image/svg+xml"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt", "text/plain"),
        ("a.mp4", "video/mp4"),
        ("a.png/b", "application/octet-stream"),
        ("none", "application/octet-stream"),
        (".png", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("data:text/html,x.png", "image/png"),
    ],
)
def test_the_content_type_follows_the_extension(key, content_type):
    assert guess_type(key) == content_type
