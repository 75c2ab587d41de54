"""How a worker holds a run: claim, fence, heartbeat, hand back, finish; and who reaps.

A run is held by a lease with a fencing token. Each page's transaction begins with
`fence`, which locks the run's row, renews the lease, and ends the slice if the lease
was lost or the run was cancelled: nothing is committed after either. Lease times come
from the database's clock, since the clocks of workers differ.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update

from labeldock.contract.errors import LabeldockError
from labeldock.db.partitions import Part
from labeldock.db.tables import ACTIVE_RUN_STATES, Run, Storage
from labeldock.db.types import database_now, escape_text
from labeldock.metrics import RUNS_LOST, note_counts
from labeldock.services import part_rows, runs
from labeldock.services.context import AppContext
from labeldock.services.interruptions import (
    Interruption,
    add_interruption,
    describe_loss,
    describe_problem,
    note_interruption,
)
from labeldock.services.run_samples import Sampler
from labeldock.services.webhooks import outbox
from labeldock.telemetry import correlate

BACKOFF_SECONDS: Final = 2.0
MAX_BACKOFF_SECONDS: Final = 300.0
MAX_RETRY_AFTER: Final = 3600.0
_SYNCS: Final = {"import", "export"}
"""Kinds of runs that a storage remembers; a dry run leaves nothing behind."""
_log = structlog.get_logger(__name__)


class LeaseLost(LabeldockError):
    """The run is somebody else's now, or cancelled; nothing may be written."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class PartRange:
    """A part of a run: keys above `after`, up to and including `upto`.

    `upto` None is the end; `size` is about how many objects there are.
    """

    id: int
    after: str
    upto: str | None
    size: int


@dataclass(slots=True)
class Lease:
    """The right to work on a run, or on a part of one, while its token is the row's.

    `storage_id` and `project_id` are 0 where the run has none.
    `checkpoint` and `counts` are as of the last commit; `moved_at` is when there was
    progress last, which the heartbeat watches; `ending` is set when whoever works on it
    is asked to hand it back soon, and `makes_way` says when another team should have
    its turn. `is_limited` is whether the team may have only so many runs at a time.
    """

    run_id: int
    storage_id: int
    project_id: int
    kind: str
    token: int
    attempts: int
    checkpoint: dict[str, Any]
    counts: dict[str, int]
    options: dict[str, Any]
    owner: str = ""
    part: PartRange | None = None
    moved_at: float = field(default_factory=time.monotonic)
    ending: threading.Event = field(default_factory=threading.Event)
    sampler: Sampler = field(default_factory=Sampler)
    organization_id: int = 0
    is_limited: bool = False
    makes_way: Callable[[], bool] = bool
    origin: dict[str, str] = field(default_factory=dict)

    def move(self) -> None:
        """Note that something was done, so that the heartbeat goes on."""
        self.moved_at = time.monotonic()

    def commit(
        self,
        checkpoint: dict[str, Any],
        counts: dict[str, int],
        *,
        is_progress: bool = True,
        is_counted: bool = True,
    ) -> None:
        """Note what a transaction with a `fence` has committed.

        What parts of the run have counted was measured with them: not `is_counted`.
        """
        if is_progress and (checkpoint, counts) != (self.checkpoint, self.counts):
            self.attempts = 0
        if is_counted:
            note_counts(self.kind, self.counts, counts)
        self.checkpoint, self.counts = checkpoint, counts
        self.move()

    def is_over(self, deadline: float) -> bool:
        """Whether the slice has to end, by the clock or because it was asked to."""
        if self.ending.is_set() or time.monotonic() >= deadline:
            return True
        return self.makes_way()


# Taking and giving


def claim_run(
    app: AppContext,
    owner: str,
    run_id: int | None = None,
    *,
    kind: str | None = None,
    admit: Callable[[Connection], bool] | None = None,
) -> Lease | None:
    """Take the lease of a due run that nobody holds; None if there is none.

    Args:
        app: the parts.
        owner: name of the worker, for people.
        run_id: this run and no other.
        kind: only runs of this kind.
        admit: asked first, in the same transaction, whether there may be one more.
    """
    due = _select_due(run_id, kind).limit(1).with_for_update(skip_locked=True)
    claim = (
        update(Run)
        # "=", not "IN": a plan may run the subquery of IN again and lock more rows.
        .where(col(Run.id) == due.scalar_subquery())
        .values(
            state="in_progress",
            lease_token=col(Run.lease_token) + 1,
            lease_owner=owner,
            lease_expires_at=database_now(app.settings.lease_seconds),
            last_ping_at=database_now(),
            started_at=func.coalesce(col(Run.started_at), database_now()),
        )
        .returning(_TABLE)
    )
    with app.database.write_connection() as connection:
        if admit is not None and not admit(connection):
            return None
        row = connection.execute(claim).first()
        if row is not None:
            outbox.note_run_start(connection, row)
    return _build_lease(row) if row is not None else None


def list_due_runs(app: AppContext, limit: int = 100) -> list[tuple[int, str]]:
    """Runs that nobody holds and that want work now: numbers and kinds."""
    query = _select_due(None, None).add_columns(col(Run.kind)).limit(limit)
    with app.database.read() as session:
        return [(row[0], row[1]) for row in session.execute(query)]


def _select_due(run_id: int | None, kind: str | None) -> Select[Any]:
    query = (
        select(col(Run.id))
        .where(col(Run.state).in_(ACTIVE_RUN_STATES))
        .where(col(Run.lease_owner) == "")
        .where(col(Run.due_at) <= database_now())
        .order_by(col(Run.due_at), col(Run.id))
    )
    query = query if run_id is None else query.where(col(Run.id) == run_id)
    return query if kind is None else query.where(col(Run.kind) == kind)


def _build_lease(row: Row[Any]) -> Lease:
    return Lease(
        run_id=row.id,
        storage_id=row.storage_id or 0,
        project_id=row.project_id or 0,
        kind=row.kind,
        token=row.lease_token,
        attempts=row.attempts,
        checkpoint=dict(row.checkpoint),
        counts=dict(row.counts),
        options=dict(row.options),
        owner=row.lease_owner,
        sampler=Sampler.resume(row.samples),
        organization_id=row.organization_id or 0,
        origin=row.origin or {},
    )


def fence(
    app: AppContext,
    connection: Connection,
    lease: Lease,
    *,
    checkpoint: dict[str, Any],
    counts: dict[str, int],
    is_progress: bool = True,
) -> None:
    """First statement of a page's transaction: hold the run, note where it is.

    Progress takes back the count of attempts: only failures at one place add up. What
    is done beside a walk is none, since it does not bring it beyond that place.
    After the commit `lease.commit` has to follow.

    Raises:
        LeaseLost: the run is not ours any more; the transaction must be rolled back.
    """
    values: dict[str, Any] = {
        "last_ping_at": database_now(),
        "lease_expires_at": database_now(app.settings.lease_seconds),
    }
    if (checkpoint, counts) != (lease.checkpoint, lease.counts):
        values |= {"checkpoint": checkpoint, "counts": counts}
        if is_progress:
            values |= {"attempts": 0, "problem": None, **_sample(lease, counts)}
    held = update(_table_of(lease)).where(*_held_by(lease))
    changed = connection.execute(held.values(**values))
    _expect_one(changed.rowcount, lease)


def _sample(lease: Lease, counts: dict[str, int]) -> dict[str, Any]:
    """How fast it goes, now and then; of parts, the run that they belong to tells."""
    if lease.part is not None:
        return {}
    samples = lease.sampler.take(counts)
    return {} if samples is None else {"samples": samples}


def hand_back(app: AppContext, lease: Lease) -> None:
    """End a slice: the run is due at once, for whoever comes first.

    A worker that is asked to stop leaves it queued, since nobody may be there to go on.
    """
    values: dict[str, Any] = {"due_at": database_now()}
    if lease.part is not None or not lease.ending.is_set():
        release(app, lease, values)
        return
    text = "The worker was asked to stop, and handed the run back."
    interruption = Interruption("handed_back", text, lease.owner, lease.attempts)
    release(app, lease, {**values, "state": "queued"}, interruption)


def wait(app: AppContext, lease: Lease, seconds: float) -> None:
    """End a slice that can do nothing for a while; no attempt is counted."""
    release(app, lease, {"due_at": database_now(seconds)})


def postpone(app: AppContext, lease: Lease, error: LabeldockError) -> bool:
    """After a failure that may pass: queue the run again, with backoff.

    An attempt is counted. Returns whether one was left; otherwise the run has failed.
    """
    attempts = lease.attempts + 1
    if attempts >= app.settings.max_attempts:
        finish(app, lease, "failed", problem=describe_problem(error))
        return False
    values = {
        "state": "queued",
        "attempts": attempts,
        "due_at": database_now(compute_backoff(attempts, error)),
        "problem": describe_problem(error),
    }
    text = escape_text(error.message)
    interruption = Interruption(error.code, text, lease.owner, attempts)
    release(app, lease, values, interruption)
    return True


def compute_backoff(attempts: int, error: LabeldockError) -> float:
    """Seconds to wait after so many attempts, or longer if the storage says so."""
    doubled = BACKOFF_SECONDS * float(2 ** min(attempts - 1, 30))
    wished = float(getattr(error, "retry_after", None) or 0.0)
    return max(min(doubled, MAX_BACKOFF_SECONDS), min(wished, MAX_RETRY_AFTER))


def finish(
    app: AppContext,
    lease: Lease,
    state: str,
    *,
    problem: dict[str, Any] | None = None,
    also: Callable[[Session], None] | None = None,
) -> runs.RunView:
    """Bring a run to an end state and tell the observers.

    What `also` does is committed with it, or not at all.

    Raises:
        LeaseLost: it is not ours any more.
    """
    values: dict[str, Any] = {"state": state, "finished_at": database_now()}
    if lease.part is None:
        values["samples"] = lease.sampler.take(lease.counts, is_last=True)
    with app.database.write() as session:
        connection = session.connection()
        close(connection, lease, {**values, "problem": problem})
        part_rows.stop_parts(connection, lease.run_id)
        if state in {"completed", "completed_with_errors"} and lease.kind in _SYNCS:
            connection.execute(
                update(Storage)
                .where(col(Storage.id) == lease.storage_id)
                .values(
                    last_success_at=database_now(),
                    last_success_count=_success_count(lease.counts),
                )
            )
        if also is not None:
            also(session)
        run = session.get_one(Run, lease.run_id)
        outbox.note_run_end(connection, run)
        view = runs.view_run(run)
    runs.announce_end(app, view)
    return view


def _success_count(counts: dict[str, int]) -> int:
    return counts.get("created", counts.get("delivered", 0))


def release(
    app: AppContext,
    lease: Lease,
    values: dict[str, Any],
    interruption: Interruption | None = None,
) -> None:
    """Give a lease back with these values, in a transaction of its own.

    Raises:
        LeaseLost: it is not ours any more.
    """
    with app.database.write_connection() as connection:
        if interruption is not None:  # first: it locks the run's row
            note_interruption(connection, lease.run_id, interruption)
        close(connection, lease, values)


def close(connection: Connection, lease: Lease, values: dict[str, Any]) -> None:
    """Give a lease back with these values."""
    free = {"lease_owner": "", "lease_expires_at": None, "last_ping_at": database_now()}
    held = update(_table_of(lease)).where(*_held_by(lease))
    changed = connection.execute(held.values(**free, **values))
    _expect_one(changed.rowcount, lease)


def is_held(lease: Lease) -> ColumnElement[bool]:
    """The condition that a lease is valid, for statements about other rows."""
    return select(_table_of(lease).id).where(*_held_by(lease)).exists()


def _table_of(lease: Lease) -> type[Run | Part]:
    """Where a lease is written down; the columns are called the same."""
    return Run if lease.part is None else Part


def _held_by(lease: Lease) -> tuple[Any, ...]:
    table = _table_of(lease)
    held = (
        col(table.lease_token) == lease.token,
        col(table.state) == "in_progress",
        col(table.lease_owner) != "",
    )
    if lease.part is not None:  # whoever ends a run takes the leases of its parts
        return (col(Part.id) == lease.part.id, *held)
    return (col(Run.id) == lease.run_id, *held, col(Run.cancel_requested).is_(False))


def _expect_one(rowcount: int, lease: Lease) -> None:
    if rowcount != 1:
        raise LeaseLost(f"The lease of run {lease.run_id} was lost.")


# Staying alive


@contextmanager
def heartbeat(app: AppContext, lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own while the block runs.

    It stops renewing when nothing moved for `stall_limit` seconds, so that a worker
    that hangs is not kept alive by its own heartbeat.
    """
    ended = threading.Event()
    beat = partial(copy_context().run, _beat, app, lease, ended)
    thread = threading.Thread(target=beat, name=f"heartbeat-{lease.run_id}")
    thread.daemon = True
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(app: AppContext, lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(app.settings.storage_in_progress_timer):
        if time.monotonic() - lease.moved_at > app.settings.stall_limit:
            _log.warning("run_stalled", run_id=lease.run_id)
            return
        try:
            if not _renew(app, lease):
                return
        except SQLAlchemyError:
            _log.warning("heartbeat_missed", run_id=lease.run_id, exc_info=True)


def _renew(app: AppContext, lease: Lease) -> bool:
    renewal = (
        update(_table_of(lease))
        .where(*_held_by(lease))
        .values(
            last_ping_at=database_now(),
            lease_expires_at=database_now(app.settings.lease_seconds),
        )
    )
    with app.database.write_connection() as connection:
        return connection.execute(renewal).rowcount == 1


def reap_lost_runs(app: AppContext) -> int:
    """Take the runs back whose worker was lost; fail those without attempts left.

    Called by every worker's poll and whenever storages are listed. Returns how many.
    """
    with app.database.read() as session:
        if session.exec(select(Run.id).where(*_EXPIRED).limit(1)).first() is None:
            return 0
    with app.database.write() as session:
        # A row that is locked has somebody at work on it, so it is not lost.
        expired = select(Run).where(*_EXPIRED).with_for_update(skip_locked=True)
        lost = session.exec(expired).all()
        failed = [run for run in lost if _take_back(app, run)]
        session.flush()
        for run in failed:
            part_rows.stop_parts(session.connection(), run.id)
            session.refresh(run)
            outbox.note_run_end(session.connection(), run)
        views = [runs.view_run(run) for run in failed]
    for view in views:
        runs.announce_end(app, view)
    return len(lost)


def _take_back(app: AppContext, run: Run) -> bool:
    """Free a lost run; whether that was its last attempt."""
    run.attempts += 1
    is_last = run.attempts >= app.settings.max_attempts
    RUNS_LOST.labels(run.kind).inc()
    with correlate((run.origin or {}).get("correlation_id"), run_id=run.id) as known:
        _log.warning("run_lost", owner=run.lease_owner, attempts=run.attempts)
    problem = describe_loss(run, is_last=is_last)
    run.problem = {**problem, "correlation_id": known}
    lost = Interruption(
        problem["code"], problem["message"], run.lease_owner, run.attempts
    )
    run.interruptions = add_interruption(run.interruptions, lost)
    run.state = "failed" if is_last else "lost"
    if is_last:
        run.finished_at = run.last_ping_at
    run.lease_owner = ""
    run.lease_expires_at = None
    run.lease_token += 1  # whoever held it can write nothing more
    return is_last


_TABLE: Final = Run.__table__  # type: ignore[attr-defined]
_EXPIRED: Final = (
    col(Run.state) == "in_progress",
    col(Run.lease_owner) != "",
    col(Run.lease_expires_at) < database_now(),
)
