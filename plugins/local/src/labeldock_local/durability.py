"""Getting things onto the disk, and one writer at a time into a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from labeldock.contract import OperationTimeout
from labeldock_local.folders import open_listing

_PATIENCE: Final = 30.0
_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.05

_LOCK_FILE: Final = b".labeldock-0000000000000000.tmp"
_CANNOT_LOCK_FOLDERS: Final = frozenset({errno.EBADF, errno.EISDIR, errno.EINVAL})
_CANNOT_SYNC_FOLDERS: Final = frozenset({errno.EBADF, errno.EINVAL, errno.EOPNOTSUPP})


@contextmanager
def locked_folder(folder: int) -> Iterator[None]:
    """Keep all other writers of Labeldock, in any process, out of a folder.

    Only for the moment in which a finished file is put in its place.

    Raises:
        OperationTimeout: another one has kept it for half a minute.
    """
    lock = _acquire(folder)
    try:
        yield
    finally:
        os.close(lock)  # which gives the lock back


def _acquire(folder: int) -> int:
    """A descriptor that holds the lock: the folder's own, or that of a hidden file.

    NFS gives a lock only on what is open for writing, and a folder never is.
    """
    try:
        return _hold(open_listing(folder, b"."))
    except OSError as error:
        if error.errno not in _CANNOT_LOCK_FOLDERS:
            raise
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return _hold(os.open(_LOCK_FILE, flags, 0o666, dir_fd=folder))


def _hold(lock: int) -> int:
    try:
        _wait_for(lock)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _wait_for(lock: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    pause = _FIRST_PAUSE
    while not _try_lock(lock):
        if time.monotonic() > deadline:
            raise OperationTimeout("Another process keeps the folder locked.")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: int) -> None:
    """Make the names in a folder durable, on file systems that have this at all."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
