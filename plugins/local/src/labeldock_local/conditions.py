"""What must hold for a write or a deletion, and what is in the key's place now."""

from __future__ import annotations

import os
import stat

from labeldock.contract import Condition, PreconditionFailed
from labeldock_local.errors import taken_key
from labeldock_local.objects import render_etag


def look_up(folder: int, name: bytes, key: str) -> os.stat_result | None:
    """The status of the file with this name, None if there is nothing.

    Raises:
        InvalidKey: there is a folder, a link or another special file.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise taken_key(key)
    return status


def check_condition(
    condition: Condition, status: os.stat_result | None, key: str
) -> None:
    """Compare the condition with what is there.

    Raises:
        PreconditionFailed: it does not hold.
    """
    if condition.absent and status is not None:
        raise PreconditionFailed(f"{key!r} exists already.", key=key)
    if condition.etag is None:
        return
    if status is None:
        raise PreconditionFailed(f"{key!r} does not exist any more.", key=key)
    if condition.etag != render_etag(status):
        raise PreconditionFailed(
            f"{key!r} was changed meanwhile: its ETag is another.", key=key
        )
