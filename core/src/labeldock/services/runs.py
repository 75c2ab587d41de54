"""Runs as people see them: asked for, listed, cancelled, retried.

How a worker holds and does one is in `leases`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog
from sqlmodel import Session, col, select, update

from labeldock.contract.errors import Conflict, NotFound
from labeldock.contract.observers import RunFinished
from labeldock.contract.values import Purpose
from labeldock.db.tables import ACTIVE_RUN_STATES, Run, RunError, Storage
from labeldock.db.types import database_now
from labeldock.metrics import RUNS_ENDED
from labeldock.services import access, part_rows
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox
from labeldock.services.webhooks.outbox import note_run_end
from labeldock.telemetry import begin_work

DRY_RUN: Final = "dry_run"
"""Kind of a run that reports what an import would do, and writes neither task nor link.

It may go on beside an import of the same storage, which it does not speak for.
"""
BACKUP: Final = "backup"
"""Kind of a run that puts a project, or a part of it, into an archive."""
RESTORE: Final = "restore"
"""Kind of a run that makes a project of an archive; it belongs to who asked for it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it is shown."""

    id: int
    storage_id: int | None
    project_id: int | None
    kind: str
    state: str
    trigger: str
    attempts: int
    counts: dict[str, int]
    problem: dict[str, Any] | None
    interruptions: list[dict[str, Any]]
    cancelled_by: str
    queued_at: datetime
    started_at: datetime | None
    last_ping_at: datetime | None
    finished_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether it is queued or being worked on."""
        return self.state in ACTIVE_RUN_STATES


@dataclass(frozen=True, slots=True)
class RunErrorView:
    """Why one object could not be imported or exported."""

    id: int
    key: str
    row_index: int
    code: str
    message: str
    remedy: str | None


# Asking for work


def request_run(
    session: Session,
    storage: Storage,
    *,
    requested_by_id: int | None,
    trigger: str = "manual",
    options: dict[str, Any] | None = None,
    is_dry: bool = False,
) -> tuple[Run, bool]:
    """The active run of a storage, a new one if there is none; and whether it is new.

    Two callers at once get the same run: the unique index admits one active run of a
    kind.
    """
    kind = DRY_RUN if is_dry else storage.purpose
    active = find_active(session, storage.id, kind)
    if active is not None:
        return active, False
    run = Run(
        storage_id=storage.id,
        project_id=storage.project_id,
        kind=kind,
        trigger=trigger,
        requested_by_id=requested_by_id,
        options=options or {},
    )
    run.due_at = database_now()  # type: ignore[assignment]
    session.add(run)
    session.flush()
    if not is_dry:
        storage.last_run_id = run.id
    return run, True


def find_active(session: Session, storage_id: int, kind: str) -> Run | None:
    """The active run of a storage, of one kind; its row is locked before."""
    # The storage's row is locked first, so that two requests wait for one another; not
    # against the links of a page, which refer to it.
    storage = select(Storage.id).where(Storage.id == storage_id)
    session.exec(storage.with_for_update(key_share=True)).first()
    query = select(Run).where(
        Run.storage_id == storage_id,
        Run.kind == kind,
        col(Run.state).in_(ACTIVE_RUN_STATES),
    )
    return session.exec(query).first()


def cancel_run(app: AppContext, principal: Principal, run_id: int) -> RunView:
    """Ask a run to stop. When this returns, it commits nothing more.

    Raises:
        NotFound, NotAllowed: as they say.
        Conflict: the run has ended already.
    """
    with app.database.write() as session:
        run = _load(session, run_id)
        require_for_run(session, principal, run, Permission.MANAGE)
        cancelled = session.exec(
            update(Run)
            .where(col(Run.id) == run_id, col(Run.state).in_(ACTIVE_RUN_STATES))
            .values(
                cancel_requested=True,
                cancelled_by=principal.email,
                state="cancelled",
                lease_owner="",
                lease_expires_at=None,
                finished_at=database_now(),
            )
        )
        if cancelled.rowcount != 1:
            raise Conflict(f"Run {run_id} has ended already.", field="run")
        part_rows.stop_parts(session.connection(), run_id)
        if run.kind == Purpose.EXPORT:
            outbox.release_run(session, run_id)
        session.refresh(run)
        note_run_end(session.connection(), run)
        view = view_run(run)
    announce_end(app, view)
    return view


def retry_run(app: AppContext, principal: Principal, run_id: int) -> RunView:
    """Go on with a run that failed or was cancelled, from its checkpoint.

    Raises:
        Conflict: it has not ended, ended well, or its storage has another active run.
    """
    with app.database.write() as session:
        run = _load(session, run_id, is_locked=True)
        require_for_run(session, principal, run, Permission.MANAGE)
        if run.state not in {"failed", "cancelled"}:
            raise Conflict(
                f"Run {run_id} is {run.state}; only failed and cancelled runs can be "
                "retried.",
                field="run",
            )
        if run.storage_id and find_active(session, run.storage_id, run.kind):
            raise Conflict("The storage has another active run.", field="run")
        queue_again(session, run)
        view = view_run(run)
    app.bell.ring_run(view.id, view.kind)
    return view


def queue_again(session: Session, run: Run) -> None:
    """Let a run that has ended without success go on from its checkpoint."""
    if run.kind == Purpose.EXPORT:
        outbox.reopen_run(session, run)
    run.state = "queued"
    run.origin = begin_work()
    run.attempts = 0
    run.problem = None
    run.cancel_requested = False
    run.cancelled_by = ""
    run.finished_at = None
    run.due_at = database_now()  # type: ignore[assignment]
    if run.storage_id is not None and run.kind in set(Purpose):
        session.get_one(Storage, run.storage_id).last_run_id = run.id
    session.flush()
    part_rows.reopen_parts(session.connection(), run.id)
    session.refresh(run)


def refuse_busy(session: Session, storage_id: int) -> None:
    """Make sure that no run is at work on a storage, and end those that wait.

    Raises:
        Conflict: one is.
    """
    # Locked, as whoever claims a run or writes a page for it does first.
    active = select(Run).where(
        Run.storage_id == storage_id, col(Run.state).in_(ACTIVE_RUN_STATES)
    )
    for run in session.exec(active.with_for_update()).all():
        if run.state == "in_progress":
            raise Conflict(
                f"Storage {storage_id} is being synced by run {run.id}.",
                field="storage",
                remedy=f"Cancel the run first: labeldock run cancel {run.id}",
            )
        part_rows.stop_parts(session.connection(), run.id)


# Showing


def get_run(app: AppContext, principal: Principal, run_id: int) -> RunView:
    """One run.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        run = _load(session, run_id)
        require_for_run(session, principal, run, Permission.VIEW)
        return view_progress(session, run)


def is_active(app: AppContext, run_id: int) -> bool:
    """Whether a run has not ended yet; asked often by those who wait for it."""
    with app.database.read() as session:
        state = session.exec(select(Run.state).where(Run.id == run_id)).first()
    return state in ACTIVE_RUN_STATES


def list_runs(
    app: AppContext,
    principal: Principal,
    project_id: int,
    *,
    storage_id: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[RunView]:
    """The runs of a project or of one of its storages, newest first.

    `before` is the number of the last one seen.
    """
    query = select(Run).where(Run.project_id == project_id)
    if storage_id is not None:
        query = query.where(Run.storage_id == storage_id)
    if before is not None:
        query = query.where(col(Run.id) < before)
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        rows = session.exec(query.order_by(col(Run.id).desc()).limit(limit))
        return [view_run(run) for run in rows]


def list_run_errors(
    app: AppContext,
    principal: Principal,
    run_id: int,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[RunErrorView]:
    """What went wrong in a run, object by object; `after` is the last id seen."""
    with app.database.read() as session:
        run = _load(session, run_id)
        require_for_run(session, principal, run, Permission.VIEW)
        query = (
            select(RunError)
            .where(RunError.run_id == run_id, col(RunError.id) > after)
            .order_by(col(RunError.id))
            .limit(limit)
        )
        shown = set(RunErrorView.__slots__)
        return [
            RunErrorView(**error.model_dump(include=shown))
            for error in session.exec(query)
        ]


def require_for_run(
    session: Session, principal: Principal, run: Run, permission: Permission
) -> None:
    """Check that somebody may do this with a run: by its project, or as who asked.

    Raises:
        NotFound: a restore that somebody else asked for.
        NotAllowed: their role in the project does not permit it.
    """
    if run.kind != RESTORE and run.project_id is not None:
        missing = NotFound(f"Run {run.id} does not exist.", field="run")
        access.require(session, principal, run.project_id, permission, hidden=missing)
    elif not principal.is_admin and run.requested_by_id != principal.user_id:
        raise NotFound(f"Run {run.id} does not exist.", field="run")


def announce_end(app: AppContext, run: RunView) -> None:
    """Tell the observers that a run reached an end state; after the commit."""
    RUNS_ENDED.labels(run.kind, run.state).inc()
    _log.info(
        "run_ended", run_id=run.id, kind=run.kind, state=run.state, counts=run.counts
    )
    event = RunFinished(
        run_id=run.id,
        storage_id=run.storage_id,
        project_id=run.project_id,
        kind=run.kind,
        state=run.state,
        counts=run.counts,
    )
    app.catalog.notify("after_run_finished", event)


def view_progress(session: Session, run: Run) -> RunView:
    """A run with what its parts have done and it has not added up yet."""
    view = view_run(run)
    counts = part_rows.add_progress(session, run.id, view.counts)
    return replace(view, counts=counts)


def view_run(run: Run) -> RunView:
    """The plain values of a run's row."""
    return RunView(**run.model_dump(include=set(RunView.__slots__)))


def _load(session: Session, run_id: int, *, is_locked: bool = False) -> Run:
    run = session.get(Run, run_id, with_for_update=is_locked or None)
    if run is None:
        raise NotFound(f"Run {run_id} does not exist.", field="run")
    return run
