"""Checking that a folder can be used for what it is connected for."""

from __future__ import annotations

import errno
import os
from typing import Final

from labeldock.contract import (
    AccessDenied,
    Availability,
    BytesContent,
    InvalidKey,
    ListQuery,
    ObjectNotFound,
    Problem,
    Purpose,
    StorageError,
    StorageRef,
    TransientStorageError,
    ValidateRequest,
    ValidationReport,
)
from labeldock_local.errors import FOLDER, READING, WRITING, translate_errors
from labeldock_local.folders import open_listing, open_storage, opened_path
from labeldock_local.keys import KeyRange, build_range, is_name, split_key
from labeldock_local.options import LocalOptions
from labeldock_local.temporary import TemporaryFile
from labeldock_local.walking import has_object
from labeldock_local.writing import opened_lowest

_WRITABLE: Final = os.R_OK | os.W_OK | os.X_OK
_ELSEWHERE: Final = "Choose another folder, or try again later."


def validate_storage(storage: StorageRef, request: ValidateRequest) -> ValidationReport:
    """Look whether the folder is there, allowed, and fit for its purpose."""
    try:
        with open_storage(storage) as base:
            if storage.purpose is Purpose.IMPORT:
                return _check_import(base, storage, request)
            return _check_export(base, storage, request)
    except StorageError as error:
        return _report_error(error)


def _report_error(error: StorageError) -> ValidationReport:
    problem = Problem(
        error.field or "path",
        error.message,
        error.remedy or _ELSEWHERE,
        str(error.context.get("reason", error.code)),
    )
    if isinstance(error, AccessDenied):
        return ValidationReport(Availability.FORBIDDEN, (problem,))
    if isinstance(error, TransientStorageError):
        return ValidationReport(Availability.UNREACHABLE, (problem,))
    return ValidationReport(Availability.NOT_FOUND, (problem,))


def _check_import(
    base: int, storage: StorageRef, request: ValidateRequest
) -> ValidationReport:
    _check_listing(base, storage)
    if _find_object(base, request.prefix):
        return ValidationReport(Availability.AVAILABLE)
    return ValidationReport(
        Availability.NOT_FOUND, (_miss_object(storage, request.prefix),)
    )


def _check_listing(base: int, storage: StorageRef) -> None:
    path = storage.options_as(LocalOptions).path
    with translate_errors(FOLDER, f"list the folder {path!r}", field="path"):
        os.close(open_listing(base, b"."))


def _miss_object(storage: StorageRef, prefix: str) -> Problem:
    path = storage.options_as(LocalOptions).path
    if not prefix:
        message = f"There is no file in the folder {path!r} or below it."
        remedy = "Choose a folder that holds files, or put some there first."
        return Problem("path", message, remedy, "no_object")
    message = f"There is no file whose path in {path!r} begins with {prefix!r}."
    remedy = "Correct the prefix, or leave it empty to take the whole folder."
    return Problem("prefix", message, remedy, "no_object")


def _find_object(base: int, prefix: str) -> bool:
    """Whether any key begins with the prefix; other folders are not looked at."""
    keys = build_range(ListQuery(prefix=prefix))
    parents = keys.start.split(b"/")[:-1]
    if not all(map(is_name, parents)):
        return False
    field = "prefix" if prefix else "path"
    try:
        with (
            translate_errors(READING, f"list below {prefix!r}", field=field),
            opened_path(base, parents) as folder,
        ):
            return _find_below(folder, parents, keys)
    except ObjectNotFound:
        return False


def _find_below(folder: int, parents: list[bytes], keys: KeyRange) -> bool:
    head = b"".join(name + b"/" for name in parents)
    listing = open_listing(folder, b".")
    try:
        return has_object(listing, head, keys)
    finally:
        os.close(listing)


def _check_export(
    base: int, storage: StorageRef, request: ValidateRequest
) -> ValidationReport:
    path = storage.options_as(LocalOptions).path
    parents = _split_prefix(request.prefix)
    with (
        translate_errors(WRITING, f"write to {request.prefix!r}", field="prefix"),
        opened_lowest(base, parents) as (folder, _),
        translate_errors(WRITING, f"write below {path!r}", field="path"),
    ):
        _check_access(folder)
        if request.probe_write:
            _probe(folder)
    return ValidationReport(Availability.AVAILABLE)


def _split_prefix(prefix: str) -> tuple[bytes, ...]:
    """The folders that the keys with a prefix are in."""
    try:
        return split_key(f"{prefix}0")[:-1]
    except InvalidKey as error:
        raise InvalidKey(
            f"No file can have a path that begins with {prefix!r}.",
            field="prefix",
            remedy="Take a prefix such as 'results/', without '..' and '//'.",
        ) from error


def _check_access(folder: int) -> None:
    effective = os.access in os.supports_effective_ids
    if not os.access(b".", _WRITABLE, dir_fd=folder, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _probe(folder: int) -> None:
    with TemporaryFile(folder) as temporary:
        temporary.fill(BytesContent(b"Labeldock can write here.\n"), "the probe")
