"""A temporary file beside the one to write, which is gone unless it was put there."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Generator
from contextlib import closing, suppress
from typing import Final, Self

from labeldock.contract import (
    ContentSource,
    IntegrityError,
    LabeldockError,
    PreconditionFailed,
)
from labeldock_local.keys import TEMPORARY_PREFIX
from labeldock_local.objects import render_etag

_BLOCK: Final = 1024 * 1024
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE: Final = 0o666  # less the umask
_CANNOT_LINK: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


class TemporaryFile:
    """A new file in a folder; its name is never listed and never a key."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._name = TEMPORARY_PREFIX + secrets.token_hex(8).encode() + b".tmp"
        self._descriptor = os.open(self._name, _CREATE, _MODE, dir_fd=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)

    def fill(self, content: ContentSource, key: str) -> None:
        """Copy the content and make it durable.

        Raises:
            IntegrityError: it cannot be read, or is not as long as it says.
        """
        left = _read_size(content, key)
        with closing(_read_blocks(content, key)) as blocks:
            for block in blocks:
                left -= len(block)
                if left < 0:
                    break
                self._write(block)
        if left:
            raise IntegrityError(
                f"The content for {key!r} has another size than announced.", key=key
            )
        self._date(time.time_ns())

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _date(self, moment: int) -> None:
        # The clock of the file system ticks too slowly to tell two writes apart.
        os.utime(self._descriptor, ns=(moment, moment))
        os.fsync(self._descriptor)

    def date_after(self, previous: os.stat_result | None) -> str:
        """The file's ETag, newer than the one it replaces."""
        status = os.fstat(self._descriptor)
        if previous is not None and previous.st_mtime_ns >= status.st_mtime_ns:
            self._date(previous.st_mtime_ns + 1)
            status = os.fstat(self._descriptor)
        return render_etag(status)

    def replace(self, folder: int, name: bytes) -> None:
        """Put the file in its place, whatever was there."""
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=folder)

    def put_new(self, folder: int, name: bytes, key: str) -> None:
        """Put the file in its place unless there is one.

        Raises:
            PreconditionFailed: there is one.
        """
        try:
            os.link(self._name, name, src_dir_fd=self._folder, dst_dir_fd=folder)
        except FileExistsError as error:
            raise PreconditionFailed(f"{key!r} exists already.", key=key) from error
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            # No links here (FAT, some shares): the caller's lock has to do.
            self.replace(folder, name)


def _read_size(content: ContentSource, key: str) -> int:
    try:
        return content.size
    except OSError as error:
        raise _unreadable(key) from error


def _read_blocks(content: ContentSource, key: str) -> Generator[bytes, None, None]:
    try:
        with content.open() as stream:
            while block := stream.read(_BLOCK):
                yield block
    except LabeldockError:
        raise  # some of ours are OSErrors as well
    except OSError as error:
        raise _unreadable(key) from error


def _unreadable(key: str) -> IntegrityError:
    return IntegrityError(f"The content for {key!r} could not be read.", key=key)
