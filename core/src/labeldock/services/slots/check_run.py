"""A run that looks for every object that tasks of a storage refer to, unread.

Its counts say how many were found; its errors name the others.
"""

from __future__ import annotations

import time
from typing import Any, Final

from sqlalchemy import Connection, insert, select
from sqlmodel import Session

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.columns import utc_now
from labeldock.db.tables import NO_ROW, ImportLink, Run, RunError, Storage
from labeldock.db.types import database_now, escape_text
from labeldock.services import access, leases, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import load_connection
from labeldock.services.context import AppContext
from labeldock.services.leases import Lease
from labeldock.services.runs import RunView
from labeldock.services.slots.checking import Expected, Finding, check_objects, sum_up

REFERENCE_CHECK: Final = "reference_check"
"""Kind of a run that looks for referenced objects and changes nothing."""

_PAGE: Final = 200
_LINK: Final[Any] = ImportLink.__table__  # type: ignore[attr-defined]
_ERROR: Final[Any] = RunError.__table__  # type: ignore[attr-defined]


def request_check(app: AppContext, principal: Principal, storage_id: int) -> RunView:
    """Ask for a look at all objects; the active run is given back, not doubled.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        storage = session.get(Storage, storage_id)
        if storage is None or storage.purpose != Purpose.IMPORT:
            raise NotFound(f"There is no import storage {storage_id}.", field="storage")
        access.require(session, principal, storage.project_id, Permission.MANAGE)
        active = runs.find_active(session, storage_id, REFERENCE_CHECK)
        run = active or _add_run(session, principal, storage)
        session.flush()
        session.refresh(run)
        view = runs.view_run(run)
    app.bell.ring_run(view.id, view.kind)
    return view


def _add_run(session: Session, principal: Principal, storage: Storage) -> Run:
    run = Run(
        storage_id=storage.id,
        project_id=storage.project_id,
        kind=REFERENCE_CHECK,
        requested_by_id=principal.user_id,
    )
    run.due_at = database_now()  # type: ignore[assignment]
    session.add(run)
    return run


def check_slice(app: AppContext, lease: Lease) -> bool:
    """Work on such a run until its slice is used up; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: the storage cannot be used.
    """
    connection = load_connection(app, lease.storage_id)
    deadline = time.monotonic() + app.settings.slice_seconds
    while not lease.is_over(deadline):
        last, expected = _load_page(app, lease)
        if last is None:
            bad = lease.counts.get("seen", 0) != lease.counts.get("found", 0)
            leases.finish(app, lease, "completed_with_errors" if bad else "completed")
            return True
        _commit(app, lease, last, check_objects(connection, expected))
    leases.hand_back(app, lease)
    return False


def _load_page(app: AppContext, lease: Lease) -> tuple[str | None, list[Expected]]:
    """The next keys in order, once each; and the last of them."""
    after = lease.checkpoint.get("after")
    query = (
        select(_LINK.c.key, _LINK.c.etag, _LINK.c.size)
        .where(_LINK.c.storage_id == lease.storage_id, _LINK.c.task_id.is_not(None))
        .order_by(_LINK.c.key)
        .limit(_PAGE)
    )
    if after is not None:
        query = query.where(_LINK.c.key > after)
    with app.database.engine.connect() as connection:
        rows = connection.execute(query).all()
    expected = {row[0]: Expected(*row) for row in rows}
    return (rows[-1][0] if rows else None), list(expected.values())


def _commit(app: AppContext, lease: Lease, last: str, findings: list[Finding]) -> None:
    checkpoint = {"after": last}
    report = sum_up(findings)
    added = {**report.counts, "seen": report.checked}
    added["failed"] = report.checked - report.counts["found"]
    counts = {name: lease.counts.get(name, 0) + n for name, n in added.items()}
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint=checkpoint, counts=counts)
        _note(connection, lease, findings)
    lease.commit(checkpoint, counts)


def _note(connection: Connection, lease: Lease, findings: list[Finding]) -> None:
    rows = [
        {
            "run_id": lease.run_id,
            "key": escape_text(finding.key),
            "row_index": NO_ROW,
            "code": f"object_{finding.verdict}",
            "message": escape_text(finding.message),
            "remedy": None,
            "created_at": utc_now(),
        }
        for finding in findings
        if finding.verdict != "found"
    ]
    if rows:
        connection.execute(insert(_ERROR), rows)
