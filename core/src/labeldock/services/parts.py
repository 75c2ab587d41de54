"""How a worker holds a part of a run: claim, hand back, finish; and who reaps.

A part is held as a run is, by a lease with a token of its own, and `leases.fence` is
the first statement of its pages too. Where both are locked, the run's row is first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Connection, Row, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, delete, select, update

from labeldock.contract.errors import LabeldockError
from labeldock.db.partitions import OPEN_PART_STATES, Part
from labeldock.db.tables import ACTIVE_RUN_STATES, Run
from labeldock.db.types import database_now, escape_text
from labeldock.metrics import RUNS_LOST
from labeldock.services import leases, part_rows
from labeldock.services.context import AppContext
from labeldock.services.interruptions import (
    Interruption,
    describe_problem,
    note_interruption,
)
from labeldock.services.leases import Lease, PartRange
from labeldock.telemetry import correlate

_PART = Part.__table__  # type: ignore[attr-defined]
_log = structlog.get_logger(__name__)


# Taking and giving


def claim_part(
    app: AppContext,
    owner: str,
    run_id: int | None = None,
    *,
    admit: Callable[[Connection], bool] | None = None,
) -> Lease | None:
    """Take the lease of a due part that nobody holds; None if there is none.

    Args:
        app: the parts of the application.
        owner: name of the worker, for people.
        run_id: only of this run.
        admit: asked first, in the same transaction, whether there may be one more.
    """
    due = (
        select(col(Part.id))
        .join(Run, col(Run.id) == col(Part.run_id))
        .where(*_IS_DUE)
        .order_by(col(Part.due_at), col(Part.id))
        .limit(1)
        .with_for_update(of=Part, skip_locked=True)
    )
    if run_id is not None:
        due = due.where(col(Part.run_id) == run_id)
    claim = (
        update(Part)
        .where(col(Part.id) == due.scalar_subquery())
        .values(
            state="in_progress",
            lease_token=col(Part.lease_token) + 1,
            lease_owner=owner,
            lease_expires_at=database_now(app.settings.lease_seconds),
            last_ping_at=database_now(),
        )
        .returning(_PART)
    )
    with app.database.write_connection() as connection:
        if admit is not None and not admit(connection):
            return None
        row = connection.execute(claim).first()
        return _build_lease(connection, row) if row is not None else None


_IS_DUE = (
    col(Part.state).in_(OPEN_PART_STATES),
    col(Part.lease_owner) == "",
    col(Part.due_at) <= database_now(),
    col(Run.state).in_(ACTIVE_RUN_STATES),
)


def _build_lease(connection: Connection, row: Row[Any]) -> Lease:
    query = select_columns(
        col(Run.storage_id), col(Run.project_id), col(Run.kind), col(Run.options),
        col(Run.organization_id), col(Run.origin),
    )  # fmt: skip
    run = connection.execute(query.where(col(Run.id) == row.run_id)).one()
    return Lease(
        run_id=row.run_id,
        storage_id=run.storage_id or 0,
        project_id=run.project_id or 0,
        kind=run.kind,
        token=row.lease_token,
        attempts=row.attempts,
        checkpoint=dict(row.checkpoint),
        counts=dict(row.counts),
        options=dict(run.options),
        owner=row.lease_owner,
        part=PartRange(row.id, row.after_key, row.upto_key, row.size),
        organization_id=run.organization_id or 0,
        origin=run.origin or {},
    )


def list_due_parts(app: AppContext) -> list[tuple[int, str, int]]:
    """Runs of which parts want work now: numbers, kinds, and how many parts."""
    query = (
        select(col(Run.id), col(Run.kind), func.count())
        .join(Part, col(Run.id) == col(Part.run_id))
        .where(*_IS_DUE)
        .group_by(col(Run.id), col(Run.kind))
    )
    with app.database.read() as session:
        return [(row[0], row[1], row[2]) for row in session.execute(query)]


def finish_part(app: AppContext, lease: Lease) -> None:
    """Note that all of a part is imported.

    Raises:
        LeaseLost: it is not ours any more.
    """
    leases.release(app, lease, {"state": "done"})
    _wake_run(app, lease.run_id)


def postpone_part(app: AppContext, lease: Lease, error: LabeldockError) -> None:
    """After a failure that may pass: queue the part again, with backoff.

    Raises:
        LeaseLost: it is not ours any more.
    """
    attempts = lease.attempts + 1
    if attempts >= app.settings.max_attempts:
        fail_part(app, lease, error)
        return
    values = {
        "state": "queued",
        "attempts": attempts,
        "due_at": database_now(leases.compute_backoff(attempts, error)),
    }
    text = escape_text(error.message)
    _interrupt(
        app, lease, values, Interruption(error.code, text, lease.owner, attempts)
    )


def fail_part(app: AppContext, lease: Lease, error: LabeldockError) -> None:
    """Note that a part cannot be imported, which its run will fail of.

    Raises:
        LeaseLost: it is not ours any more.
    """
    problem = describe_problem(error)
    leases.release(app, lease, {"state": "failed", "problem": problem})
    _wake_run(app, lease.run_id)


def _interrupt(
    app: AppContext, lease: Lease, values: dict[str, Any], interruption: Interruption
) -> None:
    with app.database.write_connection() as connection:
        _lock_run(connection, lease.run_id)
        leases.close(connection, lease, values)
        note_interruption(connection, lease.run_id, interruption)


def _lock_run(connection: Connection, run_id: int) -> None:
    query = select(Run.id).where(Run.id == run_id)
    connection.execute(query.with_for_update(key_share=True))


def _wake_run(app: AppContext, run_id: int) -> None:
    """Let somebody look at the run at once if no part of it is open any more."""
    is_open = select(Part.id).where(
        Part.run_id == run_id, col(Part.state).in_(OPEN_PART_STATES)
    )
    has_failed = select(Part.id).where(Part.run_id == run_id, Part.state == "failed")
    with app.database.write_connection() as connection:
        woken = connection.execute(
            update(Run)
            .where(col(Run.id) == run_id, col(Run.state) == "in_progress")
            .where(col(Run.lease_owner) == "")
            .where(~is_open.exists() | has_failed.exists())
            .values(due_at=database_now())
            .returning(col(Run.kind))
        ).first()
    if woken is not None:
        app.bell.ring_run(run_id, woken[0])


# What the run does with them


def collect_parts(app: AppContext, lease: Lease) -> None:
    """Add what the finished parts have counted to the run, and remove them.

    Raises:
        LeaseLost: the run is not ours any more.
    """
    query = select(Part.id, Part.counts).where(
        Part.run_id == lease.run_id, Part.state == "done"
    )
    with app.database.read() as session:
        done = session.exec(query).all()
    if not done:
        return
    counts = part_rows.add_counts(lease.counts, [counts for _, counts in done])
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint=lease.checkpoint, counts=counts)
        ids = [part_id for part_id, _ in done]
        connection.execute(delete(Part).where(col(Part.id).in_(ids)))
    lease.commit(lease.checkpoint, counts, is_counted=False)


def drop_parts(app: AppContext, lease: Lease, checkpoint: dict[str, Any]) -> None:
    """Forget all parts of a run, which begins anew; what they wrote stays.

    Raises:
        LeaseLost: the run is not ours any more.
    """
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint=checkpoint, counts=lease.counts)
        connection.execute(delete(Part).where(col(Part.run_id) == lease.run_id))
    lease.commit(checkpoint, lease.counts)


def count_parts(app: AppContext, run_id: int) -> int:
    """How many parts of a run there are, whatever their state."""
    with app.database.read() as session:
        query = select(func.count(col(Part.id))).where(Part.run_id == run_id)
        return session.exec(query).one()


def find_failure(app: AppContext, run_id: int) -> dict[str, Any] | None:
    """The problem of the first part of a run that has failed."""
    query = select(Part).where(Part.run_id == run_id, Part.state == "failed")
    with app.database.read() as session:
        part = session.exec(query.order_by(col(Part.id)).limit(1)).first()
        return part.problem if part is not None else None


# Staying alive


def reap_lost_parts(app: AppContext) -> int:
    """Take the parts back whose worker was lost; returns how many.

    A part whose worker was lost too often fails, and its run with it.
    """
    with app.database.read() as session:
        query = select(Part.id, Part.run_id).where(*_EXPIRED).limit(100)
        found = session.exec(query).all()
    taken = 0
    for part_id, run_id in found:
        with app.database.write() as session:
            taken += _take_back(app, session, part_id, run_id)
        _wake_run(app, run_id)
    return taken


_EXPIRED = (
    col(Part.state) == "in_progress",
    col(Part.lease_owner) != "",
    col(Part.lease_expires_at) < database_now(),
)


def _take_back(app: AppContext, session: Session, part_id: int, run_id: int) -> bool:
    connection = session.connection()
    _lock_run(connection, run_id)
    query = select(Part).where(Part.id == part_id, *_EXPIRED)
    part = session.exec(query.with_for_update(skip_locked=True)).first()
    if part is None:  # somebody else was quicker, or its worker is back
        return False
    _note_loss(session, part)
    part.attempts += 1
    lost = Interruption(
        "worker_lost",
        f"The worker of the keys after {part.after_key!r} was lost; the last sign of "
        f"life was at {part.last_ping_at:%Y-%m-%d %H:%M:%S} UTC.",
        part.lease_owner,
        part.attempts,
    )
    is_last = part.attempts >= app.settings.max_attempts
    part.state = "failed" if is_last else "queued"
    part.problem = _describe_loss(part, lost) if is_last else None
    part.lease_token += 1  # whoever held it can write nothing more
    part.lease_owner, part.lease_expires_at = "", None
    session.flush()
    note_interruption(connection, run_id, lost)
    return True


def _note_loss(session: Session, part: Part) -> None:
    run = session.exec(select(Run.kind, Run.origin).where(Run.id == part.run_id)).one()
    RUNS_LOST.labels(run[0]).inc()
    with correlate((run[1] or {}).get("correlation_id"), run_id=part.run_id):
        _log.warning("part_lost", part_id=part.id, owner=part.lease_owner)


def _describe_loss(part: Part, lost: Interruption) -> dict[str, Any]:
    return {
        "code": lost.code,
        "message": f"The worker was lost {part.attempts} times at the same place.",
        "key": str(part.checkpoint.get("after") or part.after_key) or None,
        "remedy": "Look at the workers' memory and logs, and at the objects that "
        "follow this key; then retry the run.",
    }
