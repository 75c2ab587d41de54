"""The bytes of an object, until the last one."""

from __future__ import annotations

import io
import logging

import pytest

from labeldock.contract import (
    ByteRange,
    ContentRange,
    ContractViolation,
    IntegrityError,
    ObjectBody,
    ObjectInfo,
    ProviderCrash,
    ReadRequest,
    Unavailable,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider

SECRET = "planted-secret"
INFO = ObjectInfo("a", 10, "etag")


class Scripted:
    """A reader that gives one answer after the other."""

    def __init__(self, *answers):
        self.answers, self.closed = list(answers), 0

    def read(self, size, /):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.closed += 1


class Serving(MemoryProvider):
    def __init__(self, body):
        super().__init__()
        self._body = body

    @hookimpl
    def get_data(self):
        return self._body


@pytest.fixture
def fetch(connect):
    def fetch(body, request=ReadRequest("a")):  # noqa: B008  it is immutable
        bound, ref = connect(Serving(body))
        return bound.get_data(ref, request)

    return fetch


def test_a_reader_gives_the_bytes_and_closes_once(fetch):
    reader = Scripted(b"01234", b"56789", b"")
    body = fetch(ObjectBody(INFO, None, reader))

    blocks = [body.reader.read(5) for _ in range(3)]
    body.reader.close()
    body.reader.close()

    assert blocks == [b"01234", b"56789", b""]
    assert reader.closed == 1


def test_a_crash_while_reading_hides_its_text(fetch):
    body = fetch(ObjectBody(INFO, None, Scripted(OSError(SECRET))))

    with pytest.raises(
        ProviderCrash, match=r"get_data .* crashed with OSError"
    ) as caught:
        body.reader.read(5)

    assert SECRET not in str(caught.value)


def test_a_storage_error_while_reading_says_where(fetch):
    body = fetch(ObjectBody(INFO, None, Scripted(Unavailable("reset"))))

    with pytest.raises(Unavailable, match="reset") as caught:
        body.reader.read(5)

    assert (caught.value.operation, caught.value.storage_id) == ("get_data", 7)


@pytest.mark.parametrize("block", [None, "text", bytearray(b"x")])
def test_a_block_has_to_be_bytes(fetch, block):
    body = fetch(ObjectBody(INFO, None, Scripted(block)))

    with pytest.raises(ContractViolation, match="not bytes"):
        body.reader.read(5)


def test_a_body_that_ends_early_is_an_error(fetch):
    body = fetch(ObjectBody(INFO, None, Scripted(b"0123", b"")))
    body.reader.read(5)

    with pytest.raises(IntegrityError, match="ended 6 bytes too early") as caught:
        body.reader.read(5)

    assert caught.value.provider == "memory"


@pytest.mark.parametrize("block", [b"012345", b"0123456789x"])
def test_more_bytes_than_announced_are_refused(fetch, block):
    body = fetch(ObjectBody(INFO, None, Scripted(block)))

    with pytest.raises(ContractViolation, match="more bytes than it was asked for"):
        body.reader.read(5)


def test_a_read_that_fails_since_the_body_was_closed_says_so(fetch):
    body = fetch(ObjectBody(INFO, None, io.BytesIO(b"0123456789")))
    body.reader.close()

    with pytest.raises(IntegrityError, match="closed before its end"):
        body.reader.read(5)


def test_a_close_that_fails_is_logged_and_no_more(fetch, caplog):
    class Stuck(Scripted):
        def close(self):
            raise OSError(SECRET)

    body = fetch(ObjectBody(INFO, None, Stuck()))

    with caplog.at_level(logging.WARNING):
        body.reader.close()

    assert "closing the reader failed with OSError" in caplog.text
    assert SECRET not in caplog.text


PART = ReadRequest("a", ByteRange(2, 5))
WHOLE = ContentRange(0, 9, 10)


@pytest.mark.parametrize(
    ("info", "content_range", "request_", "reason"),
    [
        (ObjectInfo("b", 10, "e"), None, ReadRequest("a"), "body of another key"),
        (None, None, ReadRequest("a"), "returned None, not ObjectInfo"),
        (INFO, ContentRange(2, 5, 10), ReadRequest("a"), "ContentRange.first=2"),
        (INFO, None, PART, "first=0, last=9"),
        (INFO, ContentRange(2, 6, 10), PART, "last=6"),
        (INFO, WHOLE, ReadRequest("a", ByteRange(10)), "range that holds no byte"),
    ],
)
def test_a_body_that_was_not_asked_for_is_refused_and_closed(
    fetch, info, content_range, request_, reason
):
    reader = Scripted()

    with pytest.raises(ContractViolation, match=reason):
        fetch(ObjectBody(info, content_range, reader), request_)

    assert reader.closed == 1


@pytest.mark.parametrize(
    ("content_range", "request_"),
    [
        (WHOLE, ReadRequest("a")),
        (None, ReadRequest("a", ByteRange(0))),
        (ContentRange(2, 5, 10), PART),
        (ContentRange(7, 9, 10), ReadRequest("a", ByteRange(None, 3))),
    ],
)
def test_a_body_that_was_asked_for_comes_through(fetch, content_range, request_):
    body = fetch(ObjectBody(INFO, content_range, Scripted()), request_)

    assert body.info == INFO
    assert body.content_range == content_range


def test_metadata_comes_without_bytes(fetch):
    request = ReadRequest("a", metadata_only=True)
    body = fetch(ObjectBody(INFO, None, io.BytesIO()), request)

    assert body.reader.read(1) == b""


def test_an_empty_object_has_an_empty_body(fetch):
    body = fetch(ObjectBody(ObjectInfo("a", 0, "e"), None, io.BytesIO()))

    assert body.reader.read(1) == b""


def test_a_reader_has_to_read(fetch):
    with pytest.raises(ContractViolation, match="reader cannot read and close"):
        fetch(ObjectBody(INFO, None, [b"0123456789"]))
