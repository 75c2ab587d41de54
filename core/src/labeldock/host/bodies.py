"""The bytes of an object, watched on their way out of a provider."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NoReturn

from labeldock.contract import (
    ContentRange,
    IntegrityError,
    ObjectBody,
    ObjectInfo,
    Reader,
    ReadRequest,
)
from labeldock.host.guard import Call, expect, translate_errors

logger = logging.getLogger("labeldock.host")


def guard_body(call: Call, body: ObjectBody, request: ReadRequest) -> ObjectBody:
    """The body with a guarded reader; a body that is refused is closed.

    Raises:
        ContractViolation: info, range or reader are not what was asked for.
    """
    try:
        length = _check_body(call, body, request)
    except BaseException:
        close_reader(call, body.reader)
        raise
    return replace(body, reader=GuardedReader(call, body.reader, length))


def close_reader(call: Call, reader: Reader) -> None:
    """Close it; a failure to do so is logged, since nobody can act on it."""
    try:
        reader.close()
    except Exception as error:  # noqa: BLE001  foreign code
        kind = type(error).__name__
        logger.warning("%s: closing the reader failed with %s", call, kind)


class GuardedReader:
    """A reader that raises only errors of the contract and never ends too early."""

    __slots__ = ("_call", "_is_closed", "_missing", "_reader")

    def __init__(self, call: Call, reader: Reader, length: int) -> None:
        self._call = call
        self._reader = reader
        self._missing = length
        self._is_closed = False

    def read(self, size: int, /) -> bytes:
        # Once for every block of every stream: a `with` would cost more than the rest.
        try:
            block = expect(self._call, self._reader.read(size), bytes)
            self._count(len(block), size)
        except Exception as error:  # noqa: BLE001  foreign code
            self._fail(error)
        return block

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            close_reader(self._call, self._reader)

    def _fail(self, error: Exception) -> NoReturn:
        with translate_errors(self._call):
            if self._is_closed:
                raise IntegrityError("the body was closed before its end") from error
            raise error

    def _count(self, length: int, size: int) -> None:
        if 0 <= size < length or length > self._missing:
            raise self._call.violation("gave more bytes than it was asked for")
        if size and not length and self._missing:
            raise IntegrityError(f"the body ended {self._missing} bytes too early")
        self._missing -= length


def _check_body(call: Call, body: ObjectBody, request: ReadRequest) -> int:
    """How many bytes the reader has to give."""
    if not (hasattr(body.reader, "read") and hasattr(body.reader, "close")):
        raise call.violation("returned a body whose reader cannot read and close")
    info = expect(call, body.info, ObjectInfo)
    if info.key != request.key:
        raise call.violation("returned the body of another key")
    if request.metadata_only:
        return 0
    wanted = _resolve_range(call, info.size, request)
    given = body.content_range or ContentRange(0, info.size - 1, info.size)
    if given != wanted:
        raise call.violation(f"returned {given}, not {wanted}")
    return wanted.length


def _resolve_range(call: Call, size: int, request: ReadRequest) -> ContentRange:
    if request.byte_range is None:
        return ContentRange(0, size - 1, size)
    wanted = request.byte_range.resolve(size)
    if wanted is None:
        raise call.violation("returned a body for a range that holds no byte")
    return wanted
