"""Writing an object: whole or not at all, and only if its condition holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from labeldock.contract import SavedObject, StorageRef, WriteRequest
from labeldock_local.conditions import check_condition, look_up
from labeldock_local.durability import locked_folder, sync_folder
from labeldock_local.errors import WRITING, translate_errors
from labeldock_local.folders import open_listing, open_path, open_storage
from labeldock_local.keys import split_key
from labeldock_local.temporary import TemporaryFile


def save_object(storage: StorageRef, request: WriteRequest) -> SavedObject:
    """Write one object, with the folders above it.

    The content goes into a temporary file first, in the lowest folder that exists, so
    that nothing is left behind if it cannot be completed.

    Raises:
        PreconditionFailed: the condition does not hold.
        InvalidKey: something other than a file is in the way.
        IntegrityError: the content is not what it says it is.
    """
    *parents, name = split_key(request.key)
    with (
        open_storage(storage) as base,
        translate_errors(WRITING, f"write {request.key!r}", key=request.key),
        opened_lowest(base, parents) as (folder, missing),
    ):
        # Once before the content is copied, which may take long, and again after.
        status = None if missing else look_up(folder, name, request.key)
        check_condition(request.condition, status, request.key)
        with TemporaryFile(folder) as temporary:
            temporary.fill(request.content, request.key)
            with _made_folders(folder, missing) as target:
                return _put_in_place(temporary, target, name, request)


@contextmanager
def opened_lowest(
    base: int, segments: Sequence[bytes]
) -> Iterator[tuple[int, Sequence[bytes]]]:
    """The lowest folder on the way that exists, and the segments that do not."""
    here, passed = open_path(base, ()), 0
    try:
        with suppress(FileNotFoundError):
            for segment in segments:
                here, above = open_path(here, (segment,)), here
                os.close(above)
                passed += 1
        yield here, segments[passed:]
    finally:
        os.close(here)


@contextmanager
def _made_folders(folder: int, missing: Sequence[bytes]) -> Iterator[int]:
    """The folder that the object belongs in, with what is missing made."""
    here = open_listing(folder, b".")
    try:
        for name in missing:
            _make_folder(here, name)
            here, above = open_listing(here, name), here
            os.close(above)
        yield here
    finally:
        os.close(here)


def _make_folder(folder: int, name: bytes) -> None:
    with suppress(FileExistsError):  # made by another writer since we looked
        os.mkdir(name, dir_fd=folder)
    sync_folder(folder)


def _put_in_place(
    temporary: TemporaryFile, folder: int, name: bytes, request: WriteRequest
) -> SavedObject:
    with locked_folder(folder):
        status = look_up(folder, name, request.key)
        check_condition(request.condition, status, request.key)
        etag = temporary.date_after(status)
        if request.condition.absent:
            temporary.put_new(folder, name, request.key)
        else:
            temporary.replace(folder, name)
    sync_folder(folder)
    return SavedObject(etag)
