"""Files in a folder of this machine, or of one that all machines share.

A file is written under another name, made durable, and then named, so that whoever
reads sees all of it or nothing. Only the owner of the process can read them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from labeldock.contract.errors import (
    AccessDenied,
    InvalidKey,
    InvalidRange,
    ObjectNotFound,
    PreconditionFailed,
    StorageError,
    TooLarge,
)
from labeldock.contract.values import (
    ByteRange,
    ContentRange,
    ContentSource,
    ObjectBody,
    ObjectInfo,
    ReadRequest,
    SavedObject,
)

_TEMPORARY: Final = ".unfinished"
_BLOCK: Final = 1024 * 1024
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def do_nothing() -> None:
    """What is called now and then where nobody wants to know."""


class NoSpace(TooLarge):
    """There is no room for a file, whatever its size."""

    code = "no_space"


class Folder:
    """A persistent storage in a folder; the folder is made when it is first needed."""

    def __init__(self, root: Path) -> None:
        """Keep files below this folder."""
        self._root = root

    @property
    def fingerprint(self) -> str:
        """By the folder's path."""
        return hashlib.sha256(os.fsencode(self._root)).hexdigest()

    def get_data(self, request: ReadRequest) -> ObjectBody:
        """A file or a range of it."""
        with _told(request.key):
            stream = self._find(request.key).open("rb", buffering=0)
        try:
            return _build_body(stream, request)
        except BaseException:
            stream.close()
            raise

    def save(self, key: str, content: ContentSource, content_type: str) -> SavedObject:
        """Write a file."""
        del content_type  # told by who serves it
        with _told(key), self._temporary() as path:
            with content.open() as source, path.open("xb") as target:
                shutil.copyfileobj(source, target, _BLOCK)
            return self._name(path, key)

    def adopt(
        self,
        key: str,
        path: Path,
        content_type: str,
        move: Callable[[], None] = do_nothing,
    ) -> SavedObject:
        """Take over a file, by renaming it where that can be done."""
        del content_type
        with _told(key):
            if path.stat().st_dev == self._make(self._root).stat().st_dev:
                return self._name(path, key)
            with self._temporary() as copy:
                with path.open("rb") as source, copy.open("xb") as target:
                    while block := source.read(_BLOCK):
                        move()
                        target.write(block)
                saved = self._name(copy, key)
            path.unlink()
            return saved

    def delete(self, key: str) -> None:
        """Remove a file, and the folders that are empty then."""
        path = self._find(key)
        with _told(key), suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        with suppress(OSError):  # somebody else has a file in it
            for parent in path.relative_to(self._root).parents[:-1]:
                (self._root / parent).rmdir()

    def delete_below(self, prefix: str) -> None:
        """Remove a folder."""
        with _told(prefix), suppress(FileNotFoundError):
            shutil.rmtree(self._find(prefix.rstrip("/")))

    def _find(self, key: str) -> Path:
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", "..", _TEMPORARY} for part in parts):
            raise InvalidKey("This is not the key of a file.", key=key)
        return self._root.joinpath(*parts)

    def _make(self, folder: Path) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        path = self._make(self._root / _TEMPORARY) / uuid.uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _name(self, path: Path, key: str) -> SavedObject:
        target = self._find(key)
        self._make(target.parent)
        path.chmod(0o600)
        _sync(path)
        path.replace(target)
        _sync(target.parent)
        return SavedObject(_render_etag(target.stat()))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _render_etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _build_body(stream: BinaryIO, request: ReadRequest) -> ObjectBody:
    found = os.fstat(stream.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise ObjectNotFound("There is no such file.", key=request.key)
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    etag = _render_etag(found)
    if request.if_match not in {None, etag}:
        raise PreconditionFailed("The file has changed.", key=request.key)
    info = ObjectInfo(request.key, found.st_size, etag, modified)
    if request.metadata_only:
        return ObjectBody(info, None, _Part(stream, 0))
    if request.byte_range is None:
        return ObjectBody(info, None, _Part(stream, found.st_size))
    part = _resolve(request.byte_range, info)
    stream.seek(part.first)
    return ObjectBody(info, part, _Part(stream, part.length))


def _resolve(wanted: ByteRange, info: ObjectInfo) -> ContentRange:
    part = wanted.resolve(info.size)
    if part is None:
        raise InvalidRange("No byte of the file is in the range.", size=info.size)
    return part


class _Part:
    """So many bytes of a file, from where it stands."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream, self._left = stream, left

    def read(self, size: int, /) -> bytes:
        if not self._left:
            return b""
        block = self._stream.read(min(size, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._stream.close()


@contextmanager
def _told(key: str) -> Iterator[None]:
    """Turn what the operating system says into errors that say what to do."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectNotFound("There is no such file.", key=key) from error
    except PermissionError as error:
        raise AccessDenied(
            "The folder of persistent files cannot be used.",
            key=key,
            remedy="Give the service's user read and write permission in it.",
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise no_space() from error
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StorageError(f"The file cannot be used: {reason}.", key=key) from error


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Turn the signs of a full disk, of whatever is written, into `NoSpace`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise no_space() from error
    except sqlite3.OperationalError as error:  # a list beside an archive
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise no_space() from error


def no_space() -> NoSpace:
    """The error for a disk that is full."""
    return NoSpace(
        "There is no space left for the file.",
        remedy="Make room on the disk of LABELDOCK_HOME, or keep fewer backups.",
    )
