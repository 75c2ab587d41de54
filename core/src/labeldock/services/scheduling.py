"""Storages that are due are noticed by every worker's poll, and each fires once.

A due storage is claimed by moving its `next_run_at` from what was seen; whoever moves
it asks for the run, in the same transaction. Times come from the database's clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import structlog
from sqlmodel import Session, col, select, update

from labeldock.db.tables import Storage
from labeldock.db.types import database_now
from labeldock.services import runs
from labeldock.services.context import AppContext
from labeldock.services.events import requests
from labeldock.services.schedules import parse_schedule

TRIGGER: Final = "schedule"
_log = structlog.get_logger(__name__)


def find_schedule(storage: Storage) -> str | None:
    """The schedule that counts: none while the storage may not be synced."""
    return storage.schedule if storage.synchronizable else None


def plan_next_run(session: Session, storage: Storage, *, before: str | None) -> None:
    """Note when a storage is due next, unless its schedule is what it was."""
    text = find_schedule(storage)
    if text == before:
        return
    now = read_clock(session)
    storage.next_run_at = parse_schedule(text).find_next(now) if text else None


def read_clock(session: Session) -> datetime:
    """The time by the database's clock."""
    now = session.exec(select(database_now())).one()
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def request_due_syncs(app: AppContext, now: datetime | None = None) -> int:
    """Ask for a run of every storage that is due; how many are new.

    Args:
        app: the parts.
        now: what counts as the present; by default the database's time.
    """
    with app.database.read() as session:
        now = now or read_clock(session)
        due = select(Storage.id).where(col(Storage.next_run_at) <= now)
        found = list(session.exec(due.order_by(col(Storage.next_run_at)).limit(100)))
    return sum(_fire(app, storage_id, now) for storage_id in found)


def _fire(app: AppContext, storage_id: int, now: datetime) -> bool:
    with app.database.write() as session:
        storage = session.get(Storage, storage_id)
        if storage is None or storage.next_run_at is None:
            return False
        if requests.is_drain_active(session, storage_id):
            return False  # it looks at a few keys only; the poll comes again
        if not _claim(session, storage, now):
            return False
        run, is_new = runs.request_run(
            session, storage, requested_by_id=None, trigger=TRIGGER
        )
        number, kind = run.id, run.kind
    if is_new:
        _log.info("schedule_fired", storage_id=storage_id, run_id=number)
        app.bell.ring_run(number, kind)
    return is_new


def _claim(session: Session, storage: Storage, now: datetime) -> bool:
    """Move the storage's due time; False if somebody else did."""
    seen = storage.next_run_at
    claimed = session.exec(
        update(Storage)
        .where(col(Storage.id) == storage.id, col(Storage.next_run_at) == seen)
        .where(col(Storage.next_run_at) <= now)
        .values(next_run_at=_find_following(storage, now))
        .execution_options(synchronize_session=False)
    )
    return claimed.rowcount == 1


def _find_following(storage: Storage, now: datetime) -> datetime | None:
    try:
        return parse_schedule(storage.schedule or "").find_next(
            now, storage.next_run_at
        )
    except ValueError:  # saved by a version that understood it
        _log.warning("schedule_not_understood", storage_id=storage.id)
        return None
