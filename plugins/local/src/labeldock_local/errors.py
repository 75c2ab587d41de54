"""What an error of the operating system means in the terms of the contract.

One table per kind of access, one context manager that looks errors up in it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, NamedTuple

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    InvalidKey,
    LabeldockError,
    NotSupported,
    ObjectNotFound,
    OperationTimeout,
    StorageError,
    TooLarge,
    Unavailable,
)


class Meaning(NamedTuple):
    """What one errno stands for. `code` is the stable word in a validation report."""

    kind: type[StorageError]
    reason: str
    remedy: str | None = None
    code: str | None = None


_GRANT: Final = "Give the user that Labeldock runs as permission for it."
_FREE: Final = "Free some space on that file system; the operation can be repeated."
_LIMIT: Final = "Raise the limit of open files of the service (ulimit -n)."
_DISK: Final = "Check the disk or the network share behind the folder."
_NAME: Final = "Choose a name that the file system can hold."

_FORBIDDEN: Final = Meaning(AccessDenied, "permission denied", _GRANT, "forbidden")
_READ_ONLY: Final = Meaning(
    AccessDenied,
    "the file system is mounted read-only",
    "Mount it writable, or choose another folder.",
    "read_only",
)
_FULL: Final = Meaning(Unavailable, "the disk is full", _FREE, "disk_full")
_QUOTA: Final = Meaning(Unavailable, "the disk quota is used up", _FREE, "disk_full")
_TOO_MANY: Final = Meaning(Unavailable, "too many open files", _LIMIT)
_BROKEN: Final = Meaning(Unavailable, "the file system reports an error", _DISK)
_BUSY: Final = Meaning(Unavailable, "the file or file system is busy")
_LATE: Final = Meaning(OperationTimeout, "the file system does not answer", _DISK)
_BAD_NAME: Final = Meaning(InvalidKey, "the file system takes no such name", _NAME)
_LACKING: Final = Meaning(
    NotSupported, "the file system lacks this ability", "Use another file system."
)

_COMMON: Final = {
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EFBIG: Meaning(TooLarge, "the file system cannot hold a file of this size"),
    errno.ENAMETOOLONG: _BAD_NAME,
    errno.EILSEQ: _BAD_NAME,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.EIO: _BROKEN,
    errno.ESTALE: _BROKEN,
    errno.EBUSY: _BUSY,
    errno.EAGAIN: _BUSY,
    errno.ETXTBSY: _BUSY,
    errno.ENOLCK: _BUSY,
    errno.ETIMEDOUT: _LATE,
    errno.EOPNOTSUPP: _LACKING,
    errno.ENOSYS: _LACKING,
}

_NO_FOLDER: Final = Meaning(
    ContainerNotFound,
    "there is no such folder",
    "Create the folder, or correct the path.",
    "missing",
)
_NOT_A_FOLDER: Final = Meaning(
    ContainerNotFound,
    "it is not a folder",
    "Enter the path of a folder, not of a file.",
    "not_a_folder",
)
FOLDER: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        **_COMMON,
        errno.ENOENT: _NO_FOLDER,
        errno.ENOTDIR: _NOT_A_FOLDER,
        errno.ELOOP: _NOT_A_FOLDER,
        errno.EISDIR: _NOT_A_FOLDER,
        errno.ENAMETOOLONG: _NO_FOLDER,
    }
)
"""For the storage's folder itself."""

_NO_OBJECT: Final = Meaning(ObjectNotFound, "there is no such file")
READING: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        **_COMMON,
        errno.ENOENT: _NO_OBJECT,
        errno.ENOTDIR: _NO_OBJECT,
        errno.EISDIR: _NO_OBJECT,
        errno.ELOOP: _NO_OBJECT,
        errno.ENXIO: _NO_OBJECT,
    }
)
"""For an object that is read or deleted, or a folder that is listed."""

_TAKEN: Final = Meaning(
    InvalidKey,
    "a folder, a link or another special file has this name",
    "Choose another key, or remove what is in the way.",
)
_BLOCKED: Final = Meaning(
    InvalidKey,
    "a part of the key before the last is not a folder",
    "Choose another key, or remove the file that is in the way.",
)
WRITING: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        **_COMMON,
        errno.ENOENT: Meaning(Unavailable, "its folder was removed meanwhile"),
        errno.ENOTDIR: _BLOCKED,
        errno.ELOOP: _BLOCKED,
        errno.EISDIR: _TAKEN,
        errno.EEXIST: _TAKEN,
        errno.ENOTEMPTY: _TAKEN,
        errno.EINVAL: _BAD_NAME,
    }
)
"""For an object that is written."""


@contextmanager
def translate_errors(
    table: Mapping[int, Meaning],
    action: str,
    *,
    key: str | None = None,
    field: str | None = None,
) -> Iterator[None]:
    """Turn an OSError from inside into the error that the table has for it.

    Args:
        table: `FOLDER`, `READING` or `WRITING`.
        action: what is being done, e.g. "read 'a.jpg'"; stands after "Could not".
        key: the object's key, where there is one.
        field: the settings field that it is about.

    Raises:
        StorageError: of the kind that the table names.
    """
    try:
        yield
    except LabeldockError:
        # Some of ours are OSErrors as well (AccessDenied is a PermissionError).
        raise
    except OSError as error:
        raise build_error(table, error, action, key=key, field=field) from error


def build_error(
    table: Mapping[int, Meaning],
    error: OSError,
    action: str,
    *,
    key: str | None = None,
    field: str | None = None,
) -> StorageError:
    """The error that the table has for an OSError."""
    meaning = table.get(error.errno or 0, _BROKEN)
    context = {"reason": meaning.code} if meaning.code else {}
    return meaning.kind(
        f"Could not {action}: {meaning.reason}.",
        key=key,
        field=field,
        remedy=meaning.remedy,
        **context,
    )


def taken_key(key: str) -> InvalidKey:
    """The error for a key whose name something other than a file has."""
    return InvalidKey(
        f"Could not write {key!r}: {_TAKEN.reason}.", key=key, remedy=_TAKEN.remedy
    )
