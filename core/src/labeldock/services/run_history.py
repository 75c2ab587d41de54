"""Old runs are forgotten after a while, in small pages, with what they listed.

The last run of a storage stays, since it tells how the storage is; so do runs of kinds
that others keep a record of. Tasks, links and annotations have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlmodel import col, delete, select

from labeldock.db.columns import utc_now
from labeldock.db.partitions import RunObject
from labeldock.db.tables import ACTIVE_RUN_STATES, Run, RunError, Storage
from labeldock.services import runs
from labeldock.services.context import AppContext

PAGE: Final = 2000
"""Most rows that one transaction removes."""

_KINDS: Final = ("import", "export", runs.DRY_RUN)
_RUNS_AT_ONCE: Final = 50
_log = structlog.get_logger(__name__)


def forget_old_runs(app: AppContext) -> Iterator[None]:
    """Remove runs that ended longer ago than they are kept; yields between pages.

    Whoever stops early leaves runs without some of their errors, to be removed next.
    """
    kept = app.settings.run_keep_days
    if not kept:
        return
    end, removed = utc_now() - timedelta(days=kept), 0
    while ids := _list_old(app, end):
        for table in (RunError, RunObject):
            while _remove_listed(app, table, ids) == PAGE:
                yield
        removed += _remove_runs(app, ids, end)
        yield
    if removed:
        _log.info("runs_forgotten", count=removed)


def _list_old(app: AppContext, end: datetime) -> Sequence[int]:
    query = select(Run.id).where(*_is_old(end)).order_by(col(Run.id))
    with app.database.read() as session:
        return session.exec(query.limit(_RUNS_AT_ONCE)).all()


def _is_old(end: datetime) -> tuple[Any, ...]:
    is_last = select(Storage.id).where(col(Storage.last_run_id) == col(Run.id))
    return (
        col(Run.finished_at) < end,
        col(Run.state).not_in(ACTIVE_RUN_STATES),
        col(Run.kind).in_(_KINDS),
        ~is_last.exists(),
    )


def _remove_listed(app: AppContext, table: Any, run_ids: Sequence[int]) -> int:
    """Remove a page of what runs listed; how much it was."""
    query = select(table.id).where(table.run_id.in_(run_ids)).limit(PAGE)
    with app.database.write() as session:
        ids = session.exec(query).all()
        if ids:
            session.execute(delete(table).where(table.id.in_(ids)))
    return len(ids)


def _remove_runs(app: AppContext, ids: Sequence[int], end: datetime) -> int:
    """Remove them, but for one that was taken up again meanwhile."""
    old = delete(Run).where(col(Run.id).in_(ids), *_is_old(end))
    with app.database.write_connection() as connection:
        return connection.execute(old).rowcount
