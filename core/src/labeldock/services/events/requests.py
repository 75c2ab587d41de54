"""Runs that look at the named objects only: asked for, and widened to a whole sync.

Such a run is an import with the trigger `event`. It is the storage's one active run
like any other, so nothing is imported beside it. Who asks for a sync meanwhile gets
that run too, made into a whole one: whoever works on it loses its lease, and it is
taken up anew.
"""

from __future__ import annotations

from typing import Any, Final

from sqlmodel import Session, case, col, select, update

from labeldock.contract.values import Purpose
from labeldock.db.messages import InboxEntry
from labeldock.db.tables import ACTIVE_RUN_STATES, Run, Storage
from labeldock.db.types import database_now
from labeldock.services import runs
from labeldock.services.context import AppContext
from labeldock.services.runs import RunView

TRIGGER: Final = "event"
ONLY_INBOX: Final = "only_inbox"
"""Option of such a run."""

_REST_SECONDS: Final = 600.0
"""How long a storage is left alone after such a run has failed or was cancelled."""


def request_drain(
    app: AppContext, session: Session, storage: Storage
) -> RunView | None:
    """Ask for a run that drains a storage's inbox; None if one has to wait.

    It waits while another run is active, and for a while after one has failed: the
    poll of the workers asks again. It begins a moment later, so that notifications
    which come together share a run.
    """
    if storage.purpose != Purpose.IMPORT or not storage.synchronizable:
        return None
    if session.exec(select(Run.id).where(_hinders(storage.id)).limit(1)).first():
        return None
    run, is_new = runs.request_run(
        session,
        storage,
        requested_by_id=None,
        trigger=TRIGGER,
        options={ONLY_INBOX: True},
    )
    if not is_new:
        return None
    run.due_at = database_now(app.settings.event_delay)  # type: ignore[assignment]
    session.flush()
    session.refresh(run)
    return runs.view_run(run)


def request_due_drains(app: AppContext) -> int:
    """Ask for the runs that could not be asked for when their notifications came."""
    waiting = select(col(InboxEntry.storage_id)).distinct()
    query = select(Storage.id).where(
        col(Storage.id).in_(waiting),
        col(Storage.synchronizable),
        ~select(Run.id).where(_hinders(Storage.id)).exists(),
    )
    with app.database.read() as session:
        found = list(session.exec(query.limit(100)))
    return sum(_request_due(app, storage_id) for storage_id in found)


def _request_due(app: AppContext, storage_id: int) -> bool:
    with app.database.write() as session:
        storage = session.get(Storage, storage_id)
        run = request_drain(app, session, storage) if storage else None
    if run is None:
        return False
    app.bell.ring_run(run.id, run.kind)
    return True


def _hinders(storage_id: Any) -> Any:  # a number or a column; a condition
    has_failed = (
        (col(Run.trigger) == TRIGGER)
        & col(Run.state).in_(("failed", "cancelled"))
        & (col(Run.finished_at) > database_now(-_REST_SECONDS))
    )
    is_active = col(Run.state).in_(ACTIVE_RUN_STATES) & (col(Run.kind) == "import")
    return (col(Run.storage_id) == storage_id) & (is_active | has_failed)


def is_drain(run: RunView) -> bool:
    """Whether a run looks at the inbox only."""
    return run.trigger == TRIGGER and run.is_active


def is_drain_active(session: Session, storage_id: int) -> bool:
    """Whether the active run of a storage is one that looks at the inbox only."""
    query = select(Run.id).where(
        Run.storage_id == storage_id,
        Run.trigger == TRIGGER,
        col(Run.state).in_(ACTIVE_RUN_STATES),
    )
    return session.exec(query.limit(1)).first() is not None


def widen(
    app: AppContext,
    run_id: int,
    requested_by_id: int | None,
    options: dict[str, Any],
) -> bool:
    """Make an active run of the inbox a whole sync; False if it is none any more."""
    is_held = col(Run.state) == "in_progress"
    widened = (
        update(Run)
        .where(
            col(Run.id) == run_id,
            col(Run.trigger) == TRIGGER,
            col(Run.state).in_(ACTIVE_RUN_STATES),
        )
        .values(
            trigger="manual",
            options=options,
            requested_by_id=requested_by_id,
            state="queued",
            due_at=database_now(),
            # Whoever works on it finds its lease lost, and writes nothing more.
            lease_token=col(Run.lease_token) + case((is_held, 1), else_=0),
            lease_owner="",
            lease_expires_at=None,
        )
    )
    with app.database.write_connection() as connection:
        return connection.execute(widened).rowcount == 1
