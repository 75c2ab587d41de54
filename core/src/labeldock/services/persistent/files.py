"""The rows of persistent files: written before the file, removed after it.

So whatever dies between the two leaves a row that says what may lie there, and
housekeeping removes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlmodel import Session, col, delete, or_, select

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import SavedObject
from labeldock.db.archives import StoredFile
from labeldock.db.columns import utc_now
from labeldock.db.tables import ACTIVE_RUN_STATES, Run
from labeldock.services.context import AppContext
from labeldock.services.persistent.store import open_store
from labeldock.services.quotas import Limit, require_team_room

_PATIENCE: Final = timedelta(hours=24)
"""How long a file that belongs to no run may take to be written."""
_BATCH: Final = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is about to be written.

    Attributes:
        key: where it will lie.
        kind: `upload`, `avatar`, `archive`, `export` or `incoming`.
        project_id: the project that it goes with, None for none.
        user_id: whose it is.
        run_id: the run that writes it.
        name: what people call it.
        content_type: its media type, "" if that is not known.
        size: its bytes, as far as they are known already.
    """

    key: str
    kind: str
    project_id: int | None = None
    user_id: int | None = None
    run_id: int | None = None
    name: str = ""
    content_type: str = ""
    size: int = 0


def reserve_file(app: AppContext, session: Session, new: NewFile) -> StoredFile:
    """Note that a file is about to be written; it is not shown before `note_saved`.

    Raises:
        QuotaExceeded: the team of its project may not keep so much.
    """
    if new.project_id is not None:
        connection = session.connection()
        require_team_room(app, connection, new.project_id, Limit.BYTES, new.size)
    row = StoredFile(
        key=new.key,
        kind=new.kind,
        is_bound=new.project_id is not None,
        project_id=new.project_id,
        user_id=new.user_id,
        run_id=new.run_id,
        name=new.name,
        content_type=new.content_type,
        size=new.size,
    )
    session.add(row)
    session.flush()
    return row


def note_saved(
    row: StoredFile,
    saved: SavedObject,
    size: int,
    *,
    expires_at: datetime | None = None,
) -> None:
    """Note that a file is there, of so many bytes, until then or for good."""
    row.etag, row.size, row.expires_at = saved.etag, size, expires_at
    row.is_ready = True


def remove_file(app: AppContext, file_id: int) -> None:
    """Remove a file and its row; it is no error if they are gone.

    Raises:
        LabeldockError: the file cannot be removed; the row stays, and says so.
    """
    with app.database.read() as session:
        row = session.get(StoredFile, file_id)
        key = row.key if row else None
    if key is None:
        return
    store = open_store(app)
    if key.endswith("/"):  # all that was restored for a slot
        store.delete_below(key)
    else:
        store.delete(key)
    with app.database.write() as session:
        session.execute(delete(StoredFile).where(col(StoredFile.id) == file_id))


def expire_file(session: Session, file_id: int) -> None:
    """Have a file removed by the next housekeeping; it is not shown any more."""
    row = session.get(StoredFile, file_id)
    if row is not None:
        row.is_ready, row.expires_at = False, utc_now()


def sweep_files(app: AppContext, now: datetime | None = None) -> int:
    """Remove files whose time is over, whose project is gone, or that nobody finishes.

    Returns how many. One that cannot be removed is tried again by the next sweep.
    """
    now = now or utc_now()
    query = select(StoredFile.id).where(or_(*_list_reasons(now))).limit(_BATCH)
    with app.database.read() as session:
        found = list(session.exec(query))
    return sum(_remove_quietly(app, file_id) for file_id in found)


def _list_reasons(now: datetime) -> Iterator[Any]:
    """The conditions of which each makes a file superfluous."""
    yield col(StoredFile.expires_at) <= now
    yield col(StoredFile.is_bound) & col(StoredFile.project_id).is_(None)
    unfinished = col(StoredFile.is_ready).is_(False)
    yield (
        unfinished
        & col(StoredFile.run_id).is_(None)
        & (col(StoredFile.created_at) <= now - _PATIENCE)
    )
    active = select(Run.id).where(
        Run.id == StoredFile.run_id, col(Run.state).in_(ACTIVE_RUN_STATES)
    )
    yield unfinished & col(StoredFile.run_id).is_not(None) & ~active.exists()


def _remove_quietly(app: AppContext, file_id: int) -> bool:
    try:
        remove_file(app, file_id)
    except LabeldockError as error:
        _log.warning("file_not_removed", file_id=file_id, reason=error.message)
        return False
    return True
