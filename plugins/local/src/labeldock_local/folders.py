"""Opening folders and files so that nothing outside the allowed roots is reached.

Every step from a root down to an object is taken relative to the folder before, which
is held open, and never follows a link. So it does not matter what is swapped for what
while we walk: `..`, symlinks and special files lead nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from labeldock.contract import AccessDenied, StorageRef
from labeldock_local.errors import FOLDER, translate_errors
from labeldock_local.options import (
    ROOTS_VARIABLE,
    LocalOperatorOptions,
    LocalOptions,
)

_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC
# A folder on the way has to be passed, not read; O_PATH is what Linux has for that.
_PASS: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_STEP: Final = _PASS | _NO_LINK
_LIST: Final = os.O_RDONLY | os.O_DIRECTORY | _NO_LINK
# A FIFO that takes a file's place after the look at it must not block the open.
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | _NO_LINK


@contextmanager
def open_storage(storage: StorageRef) -> Iterator[int]:
    """A descriptor of the storage's folder, to walk from; closed at the end.

    Raises:
        AccessDenied: it is not below an allowed root, or cannot be entered.
        ContainerNotFound: there is no such folder.
    """
    path = storage.options_as(LocalOptions).path
    with translate_errors(FOLDER, f"open the folder {path!r}", field="path"):
        root, segments = _locate(path, storage.operator_as(LocalOperatorOptions).roots)
        descriptor = _open_from_root(root, segments)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locate(path: str, roots: tuple[str, ...]) -> tuple[bytes, list[bytes]]:
    """The allowed root that a folder lies in, and the way down from there."""
    real = os.path.realpath(path.encode())
    for root in roots:
        real_root = os.path.realpath(root.encode())
        below = real_root.rstrip(b"/") + b"/"
        if real == real_root or real.startswith(below):
            return real_root, [name for name in real[len(below) :].split(b"/") if name]
    raise _refuse(path, roots)


def _refuse(path: str, roots: tuple[str, ...]) -> AccessDenied:
    if not roots:
        return AccessDenied(
            "No folder of this server may be connected, since none is allowed.",
            field="path",
            remedy=f"The operator has to set {ROOTS_VARIABLE} to the allowed folders.",
            reason="no_roots",
        )
    return AccessDenied(
        f"The folder {path!r} is outside the folders that may be connected.",
        field="path",
        remedy=f"Choose one below {ROOTS_VARIABLE}, or have the operator add it there.",
        reason="outside_roots",
    )


def _open_from_root(root: bytes, segments: Iterable[bytes]) -> int:
    descriptor = os.open(root, _PASS)
    try:
        return open_path(descriptor, segments)
    finally:
        os.close(descriptor)


def open_path(folder: int, segments: Iterable[bytes]) -> int:
    """A descriptor of the folder at the end of the segments, to walk from."""
    here = os.dup(folder)
    for segment in segments:
        try:
            below = os.open(segment, _STEP, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


@contextmanager
def opened_path(folder: int, segments: Iterable[bytes]) -> Iterator[int]:
    """`open_path`, closed at the end."""
    descriptor = open_path(folder, segments)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_listing(folder: int, name: bytes) -> int:
    """A descriptor of a sub-folder (b"." for the folder itself) that can be listed."""
    return os.open(name, _LIST, dir_fd=folder)


def find_file(folder: int, name: bytes) -> os.stat_result:
    """The status of a regular file, looked at without opening it.

    Raises:
        FileNotFoundError: there is none, or it is something else.
    """
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise _missing()
    return status


def open_file(folder: int, name: bytes) -> int:
    """A descriptor of a regular file, to read from.

    Raises:
        FileNotFoundError: there is none, or it is something else.
    """
    find_file(folder, name)  # opening a device can have effects, so look first
    descriptor = os.open(name, _READ, dir_fd=folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _missing()


def _missing() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
