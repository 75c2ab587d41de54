"""One slice of a manual export: queue what exists, then see to its delivery.

There is one way of delivery, the outbox: this run only fills it and counts. Its
checkpoint is `after`, the last annotation queued, and then `is_queued`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlmodel import Session, col, delete, select

from labeldock.db.bulk import encode_rows, insert_rows
from labeldock.db.columns import utc_now
from labeldock.db.tables import NO_ROW, Outbox, Run, RunError, Storage
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox
from labeldock.services.exporting.bundles import write_bundle, writes_bundle
from labeldock.services.exporting.delivery import deliver_batch
from labeldock.services.exporting.plans import build_plan
from labeldock.services.exporting.stocktaking import Window, count_run, want_page
from labeldock.services.exporting.wishes import OUTBOX
from labeldock.services.leases import Lease

_PAUSE_SECONDS: Final = 1.0
_COUNT_SECONDS: Final = 1.0
_ERROR_PAGE: Final = 1000
_ERROR_COLUMNS: Final = (
    "run_id", "key", "row_index", "code", "message", "remedy", "created_at",
)  # fmt: skip


def export_slice(app: AppContext, lease: Lease) -> bool:
    """Work on an export until its slice is used up; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
    """
    if writes_bundle(app, lease):
        return write_bundle(app, lease)
    deadline = time.monotonic() + app.settings.slice_seconds
    while not lease.checkpoint.get("is_queued"):
        _queue_page(app, lease)
        if lease.is_over(deadline):
            leases.hand_back(app, lease)
            return False
    while not lease.is_over(deadline):
        is_all = _deliver_some(app, lease, deadline)
        counts = _note_counts(app, lease)
        if counts["waiting"] == 0:
            _finish(app, lease, counts)
            return True
        if is_all:  # what is left waits for another try, or for others
            leases.wait(app, lease, _PAUSE_SECONDS)
            return False
    leases.hand_back(app, lease)
    return False


def _deliver_some(app: AppContext, lease: Lease, deadline: float) -> bool:
    """Deliver for a while; whether nothing is due any more.

    Counting goes over all rows of the run, so it is not done after every batch.
    """
    until = min(deadline, time.monotonic() + _COUNT_SECONDS)
    while True:
        if not deliver_batch(app, lease.storage_id):
            return True
        lease.move()
        if lease.is_over(until):
            return False


def _queue_page(app: AppContext, lease: Lease) -> None:
    after = lease.checkpoint.get("after")
    with app.database.write() as session:
        connection = session.connection()
        leases.fence(
            app, connection, lease, checkpoint=lease.checkpoint, counts=lease.counts
        )
        storage = session.get_one(Storage, lease.storage_id)
        if after is None:  # a sync tries again what was given up, removals as well
            outbox.revive(session, OUTBOX.c.storage_id == lease.storage_id)
        only_new = _is_for_new(session, lease, storage)
        plan = build_plan(app.settings, storage)
        window = Window(after or 0, app.settings.page_size, only_new)
        page = want_page(
            connection, lease.storage_id, plan, window, run_id=lease.run_id
        )
        checkpoint: dict[str, Any] = {"after": page.last_id or after or 0}
        checkpoint["is_queued"] = page.last_id is None
        leases.fence(app, connection, lease, checkpoint=checkpoint, counts=lease.counts)
    lease.commit(checkpoint, lease.counts)


def _is_for_new(session: Session, lease: Lease, storage: Storage) -> bool:
    """Whether only what changed is written: as asked for, else as the storage says.

    What goes by the clock would otherwise write everything again and again.
    """
    asked = lease.options.get("only_new")
    if asked is not None:
        return bool(asked)
    is_scheduled = session.get_one(Run, lease.run_id).trigger == "schedule"
    return is_scheduled or storage.save_only_new_annotations


def _note_counts(app: AppContext, lease: Lease) -> dict[str, int]:
    with app.database.write_connection() as connection:
        counts = count_run(connection, lease.run_id)
        leases.fence(app, connection, lease, checkpoint=lease.checkpoint, counts=counts)
    lease.commit(lease.checkpoint, counts)
    return counts


def _finish(app: AppContext, lease: Lease, counts: dict[str, int]) -> None:
    if counts["failed"]:
        _copy_errors(app, lease)
    if counts["failed"] and not counts["delivered"]:
        problem = _first_problem(app, lease.run_id)
        leases.finish(app, lease, "failed", problem=problem)
        return
    state = "completed_with_errors" if counts["failed"] else "completed"
    leases.finish(app, lease, state)


def _copy_errors(app: AppContext, lease: Lease) -> None:
    """Keep what failed with the run, since the outbox forgets it with the next try."""
    table = RunError.__table__  # type: ignore[attr-defined]
    with app.database.write() as session:
        connection = session.connection()
        leases.fence(
            app,
            connection,
            lease,
            checkpoint=lease.checkpoint,
            counts=lease.counts,
        )
        session.execute(delete(RunError).where(col(RunError.run_id) == lease.run_id))
        after = 0
        while page := _list_failed(session, lease.run_id, after, _ERROR_PAGE):
            rows = [_error_row(lease, row) for row in page]
            encoded = encode_rows(connection, table, _ERROR_COLUMNS, rows)
            insert_rows(connection, table, _ERROR_COLUMNS, encoded)
            after = page[-1].id


def _list_failed(
    session: Session, run_id: int, after: int, limit: int
) -> Sequence[Outbox]:
    query = (
        select(Outbox)
        .where(Outbox.run_id == run_id, Outbox.has_failed, col(Outbox.id) > after)
        .where(col(Outbox.delivered_version) < col(Outbox.wanted_version))
        .order_by(col(Outbox.id))
        .limit(limit)
    )
    return session.exec(query).all()


def _error_row(lease: Lease, row: Outbox) -> tuple[Any, ...]:
    problem = row.problem or {}
    return (
        lease.run_id,
        row.key,
        NO_ROW,
        problem.get("code", "storage_error"),
        problem.get("message", "It could not be written."),
        problem.get("remedy"),
        utc_now(),
    )


def _first_problem(app: AppContext, run_id: int) -> dict[str, Any] | None:
    with app.database.read() as session:
        failed = _list_failed(session, run_id, 0, 1)
        return failed[0].problem if failed else None
