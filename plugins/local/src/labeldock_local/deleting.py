"""Deleting an object, and nothing but an object."""

from __future__ import annotations

import os

from labeldock.contract import DeleteRequest, Deletion, ObjectNotFound, StorageRef
from labeldock_local.conditions import check_condition
from labeldock_local.durability import locked_folder, sync_folder
from labeldock_local.errors import READING, translate_errors
from labeldock_local.folders import (
    find_file,
    open_listing,
    open_storage,
    opened_path,
)
from labeldock_local.keys import split_key


def delete_object(storage: StorageRef, request: DeleteRequest) -> Deletion:
    """Delete one file; its folder stays.

    Raises:
        PreconditionFailed: it has another ETag.
    """
    *parents, name = split_key(request.key)
    with open_storage(storage) as base:
        try:
            _delete(base, parents, name, request)
        except ObjectNotFound:
            return Deletion(existed=False)
    return Deletion(existed=True)


def _delete(
    base: int, parents: list[bytes], name: bytes, request: DeleteRequest
) -> None:
    with (
        translate_errors(READING, f"delete {request.key!r}", key=request.key),
        opened_path(base, parents) as folder,
        locked_folder(folder),
    ):
        status = find_file(folder, name)
        check_condition(request.condition, status, request.key)
        os.unlink(name, dir_fd=folder)
        listing = open_listing(folder, b".")
        try:
            sync_folder(listing)
        finally:
            os.close(listing)
