"""Thumbnails that were made, kept as files; bounded, and good to lose at any time."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import structlog

_log = structlog.get_logger(__name__)

_SUFFIX: Final = ".webp"
_UNFINISHED: Final = ".tmp"
_KEPT_WHEN_FULL: Final = 0.8  # so that not every new file has others removed
_SWEPT_AFTER: Final = 16  # a sixteenth of the room is written between two sweeps
_BLOCK: Final = 4096  # what even an empty file takes up
_FRESH: Final = 3600.0  # seconds in which a second use is not noted
_STALE: Final = 3600.0  # seconds after which an unfinished file is a lost one


class _File(NamedTuple):
    used_at: float
    size: int
    path: Path


class ThumbnailFiles:
    """A folder of thumbnails, which several processes may share.

    What could not be made is kept as an empty file, so that it is not tried again.
    """

    def __init__(self, folder: Path, room: int) -> None:
        """Keep up to `room` bytes in a folder, which is made when it is needed."""
        self._folder = folder
        self._room = room
        self._lock = threading.Lock()
        self._written = room  # so that what others left is looked at once

    def find(self, name: str) -> bytes | None:
        """The file; empty if there is no thumbnail; None if that is not known."""
        path = self._folder / name
        try:
            data = path.read_bytes()
            if time.time() - path.stat().st_mtime > _FRESH:
                os.utime(path)
        except OSError:
            return None
        return data

    def save(self, name: str, data: bytes) -> None:
        """Keep a file; without room on the disk it is made again another time."""
        if len(data) > self._room // _SWEPT_AFTER:
            return
        try:
            self._write(name, data)
            self._sweep_sometimes(len(data))
        except OSError as error:
            _log.warning("thumbnail_not_kept", reason=str(error))

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115  renamed before it is closed
            dir=self._folder, suffix=_UNFINISHED, delete=False
        )
        try:
            with file:
                file.write(data)
            Path(file.name).replace(self._folder / name)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise

    # Room

    def _sweep_sometimes(self, size: int) -> None:
        with self._lock:
            self._written += max(size, _BLOCK)
            if self._written * _SWEPT_AFTER < self._room:
                return
            self._written = 0
            self._sweep()

    def _sweep(self) -> None:
        """Remove what was not used for the longest time, if there is too much."""
        files = sorted(self._list())
        total = sum(file.size for file in files)
        # What will be written until the next sweep has to fit, too.
        if total <= self._room - self._room // _SWEPT_AFTER:
            return
        for file in files:
            if total <= self._room * _KEPT_WHEN_FULL:
                break
            file.path.unlink(missing_ok=True)
            total -= file.size

    def _list(self) -> Iterator[_File]:
        now = time.time()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                except FileNotFoundError:  # another process sweeps, too
                    continue
                age = now - status.st_mtime
                if entry.name.endswith(_SUFFIX) or age > _STALE:
                    size = max(status.st_size, _BLOCK)
                    yield _File(status.st_mtime, size, Path(entry.path))


def name_thumbnail(*parts: object) -> str:
    """The name for a thumbnail of what these parts say: another part, another name."""
    text = "\0".join(map(repr, parts))
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=20)
    return digest.hexdigest() + _SUFFIX
