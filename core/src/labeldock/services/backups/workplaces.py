"""Folders that archives are made in, and the removal of those that somebody left."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from sqlmodel import select

from labeldock.db.tables import Run
from labeldock.services.context import AppContext
from labeldock.services.leases import Lease
from labeldock.services.persistent.folder import no_space

_FOLDER: Final = "work"
BODY: Final = "incoming-"
"""What files begin with that hold the body of a request; each goes with its request."""
_PATIENCE: Final = 24 * 3600.0
_NAME: Final = re.compile(r"(?:backup|restore)-([0-9]+)-([0-9]+)")
_MARGIN: Final = 16 * 1024 * 1024
_log = structlog.get_logger(__name__)


@contextmanager
def open_workplace(app: AppContext, lease: Lease) -> Iterator[Path]:
    """An empty folder for the time that a lease is held; nothing of it is left."""
    sweep_workplaces(app)
    path = app.settings.home / _FOLDER / f"{lease.kind}-{lease.run_id}-{lease.token}"
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep_workplaces(app: AppContext) -> int:
    """Remove the folders of workers that were killed; how many there were.

    A folder's name says which lease it is of. One whose lease was lost is not deleted
    from under a worker that does not know it yet: that one can finish nothing.
    """
    folder = app.settings.home / _FOLDER
    if not folder.is_dir():
        return 0
    left = [path for path in folder.iterdir() if _is_left(app, path)]
    for path in left:
        _log.info("workplace_removed", path=path.name)
        shutil.rmtree(path, ignore_errors=True)
    bodies = [path for path in folder.glob(f"{BODY}*") if _is_old(path)]
    for path in bodies:
        path.unlink(missing_ok=True)
    return len(left) + len(bodies)


def _is_old(path: Path) -> bool:
    """Whether no request can be at work on it any more."""
    try:
        return time.time() - path.stat().st_mtime > _PATIENCE
    except FileNotFoundError:
        return False


def _is_left(app: AppContext, path: Path) -> bool:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return False
    query = select(Run.lease_token, Run.lease_owner).where(Run.id == int(found[1]))
    with app.database.read() as session:
        row = session.exec(query).first()
    return row is None or row[0] != int(found[2]) or not row[1]


def require_space(path: Path, size: int) -> None:
    """Check that a disk has room for so many bytes more.

    Raises:
        NoSpace: it has not.
    """
    if shutil.disk_usage(path).free < size + _MARGIN:
        raise no_space()
