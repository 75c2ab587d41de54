"""Reading objects: their info, and their bytes through a reader."""

from __future__ import annotations

import os
import threading
from typing import Final

from labeldock.contract import (
    ContentRange,
    IntegrityError,
    InvalidRange,
    ObjectBody,
    PreconditionFailed,
    ReadRequest,
    StorageRef,
)
from labeldock_local.errors import READING, translate_errors
from labeldock_local.folders import find_file, open_file, open_storage, opened_path
from labeldock_local.keys import split_key
from labeldock_local.objects import build_info, render_etag


def read_object(storage: StorageRef, request: ReadRequest) -> ObjectBody:
    """Open an object, or say what it is.

    Raises:
        ObjectNotFound: there is no regular file of this name.
        PreconditionFailed: it has another ETag than asked for.
        InvalidRange: it has no byte in the range.
    """
    *parents, name = split_key(request.key)
    with (
        open_storage(storage) as base,
        translate_errors(READING, f"read {request.key!r}", key=request.key),
        opened_path(base, parents) as folder,
    ):
        if request.metadata_only:
            return _describe(request, find_file(folder, name))
        return _open_body(request, open_file(folder, name))


def _describe(request: ReadRequest, status: os.stat_result) -> ObjectBody:
    _check_etag(request, status)
    info = build_info(request.key, status)
    return ObjectBody(info, None, FileReader(-1, request.key, _NOTHING, status))


def _check_etag(request: ReadRequest, status: os.stat_result) -> None:
    if request.if_match not in {None, render_etag(status)}:
        raise PreconditionFailed(
            f"{request.key!r} has changed: its ETag is another.", key=request.key
        )


def _open_body(request: ReadRequest, descriptor: int) -> ObjectBody:
    try:
        status = os.fstat(descriptor)
        _check_etag(request, status)
        selected = _select(request, status.st_size)
        info = build_info(request.key, status)
    except BaseException:
        os.close(descriptor)
        raise
    content_range = None if request.byte_range is None else selected
    reader = FileReader(descriptor, request.key, selected, status)
    return ObjectBody(info, content_range, reader)


def _select(request: ReadRequest, size: int) -> ContentRange:
    if request.byte_range is None:
        return ContentRange(0, size - 1, size)
    selected = request.byte_range.resolve(size)
    if selected is None:
        raise InvalidRange(
            f"{request.key!r} has {size} bytes, none in the range.",
            size=size,
            key=request.key,
        )
    return selected


_NOTHING: Final = ContentRange(0, -1, 0)


class FileReader:
    """The bytes of a file, or of a part of it, as they were when it was opened.

    Args:
        descriptor: the open file, which the reader closes; -1 for none.
        key: for messages.
        selected: which bytes.
        status: the file's status when it was opened.
    """

    def __init__(
        self, descriptor: int, key: str, selected: ContentRange, status: os.stat_result
    ) -> None:
        self._descriptor = descriptor
        self._key = key
        self._offset = selected.first
        self._left = selected.length
        self._status = status
        self._lock = threading.Lock()
        self._reading = False
        self._closed = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, or all that are left if it is negative.

        Raises:
            IntegrityError: the file was shortened or changed since it was opened, or
                the reader was closed before its end.
        """
        self._begin()
        try:
            wanted = self._left if size < 0 else min(size, self._left)
            return self._read(wanted) if wanted else b""
        finally:
            self._end()

    def close(self) -> None:
        """Close the file. A read in another thread does it at its end."""
        with self._lock:
            self._closed = True
            if not self._reading:
                self._release()

    def _begin(self) -> None:
        with self._lock:
            if self._closed and self._left:
                raise IntegrityError(
                    f"{self._key!r} was closed before its end.", key=self._key
                )
            self._reading = True

    def _end(self) -> None:
        with self._lock:
            self._reading = False
            if self._closed:
                self._release()

    def _release(self) -> None:
        # Under the lock: the number of a closed descriptor is soon another file's.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _read(self, wanted: int) -> bytes:
        with translate_errors(READING, f"read {self._key!r}", key=self._key):
            data = os.pread(self._descriptor, wanted, self._offset)
            if not data:
                self._fail("ended early")
            self._offset += len(data)
            self._left -= len(data)
            if not self._left:
                self._check_unchanged()
        return data

    def _check_unchanged(self) -> None:
        """A file written in place while it was read may have given a mix."""
        if render_etag(os.fstat(self._descriptor)) != render_etag(self._status):
            self._fail("was changed while it was read")

    def _fail(self, reason: str) -> None:
        raise IntegrityError(
            f"{self._key!r} {reason}.", key=self._key, remedy="Read it again."
        )
