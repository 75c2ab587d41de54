"""Deliver what the outbox holds: claim, build, upload, note; at least once.

The payload is built at delivery, so the newest content is what arrives. A delivery that
lost its lease while it was uploading marks the key again, since it cannot know which of
two uploads came last. What cannot be begun in good time is given back instead.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import case, col, delete, select, update

from labeldock.contract.errors import LabeldockError, ProviderCrash
from labeldock.contract.observers import AnnotationDelivered, AnnotationFailed
from labeldock.contract.values import (
    BytesContent,
    DeleteRequest,
    SavedObject,
    WriteRequest,
)
from labeldock.db.tables import ExportLink, Outbox, utc_now
from labeldock.db.types import database_now
from labeldock.services import leases
from labeldock.services.connections import Connection, load_connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.keys import is_task_mode
from labeldock.services.exporting.outbox import due_conditions
from labeldock.services.exporting.payloads import build_annotation, build_task

BATCH: Final = 64
MAX_ATTEMPTS: Final = 8
_LEASE_SECONDS: Final = 120.0
_BEGIN_SECONDS: Final = 60.0
_UPLOADS: Final = 8
_OUTBOX: Final = Outbox.__table__  # type: ignore[attr-defined]
_LINK: Final = ExportLink.__table__  # type: ignore[attr-defined]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One key to deliver, and the lease on it."""

    id: int
    storage_id: int
    key: str
    annotation_id: int | None
    task_id: int | None
    wanted: str
    version: int
    token: int
    attempts: int
    claimed_at: float


Outcome = SavedObject | LabeldockError | None
"""What came of a parcel: saved, failed, or (None) nothing had to be written."""


def deliver_batch(app: AppContext, storage_id: int) -> int:
    """Deliver some of what is due for a storage; how many parcels there were.

    Failures are noted on their rows and tried again with backoff; none is raised.
    """
    parcels = claim_parcels(app, storage_id)
    if not parcels:
        return 0
    try:
        connection = load_connection(app, storage_id)
    except LabeldockError as error:  # the provider is gone, or its settings are wrong
        for parcel in parcels:
            _settle(app, parcel, error)
        return len(parcels)
    with ThreadPoolExecutor(_UPLOADS, "deliveries") as pool:
        for done in [pool.submit(_deliver, app, connection, p) for p in parcels]:
            done.result()
    return len(parcels)


def claim_parcels(app: AppContext, storage_id: int) -> list[Parcel]:
    """Take the lease of some due keys of a storage, in the order they came due."""
    due = (
        select(col(Outbox.id))
        .where(col(Outbox.storage_id) == storage_id, *due_conditions())
        .order_by(col(Outbox.due_at), col(Outbox.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    chosen = due.cte("chosen")  # run once, which a subquery of IN need not be
    claim = (
        update(Outbox)
        .where(col(Outbox.id).in_(select(chosen.c.id)))
        .values(
            lease_token=col(Outbox.lease_token) + 1,
            lease_expires_at=database_now(_LEASE_SECONDS),
        )
        .returning(_OUTBOX)
    )
    claimed_at = time.monotonic()
    with app.database.write_connection() as connection:
        rows = connection.execute(claim).all()
    parcels = [
        Parcel(
            id=row.id,
            storage_id=row.storage_id,
            key=row.key,
            annotation_id=row.annotation_id,
            task_id=row.task_id,
            wanted=row.wanted,
            version=row.wanted_version,
            token=row.lease_token,
            attempts=row.attempts,
            claimed_at=claimed_at,
        )
        for row in rows
    ]
    return sorted(parcels, key=lambda parcel: parcel.id)


def _deliver(app: AppContext, connection: Connection, parcel: Parcel) -> None:
    if time.monotonic() - parcel.claimed_at > _BEGIN_SECONDS:
        _give_back(app, parcel)
        return
    _settle(app, parcel, _send(app, connection, parcel))


def _give_back(app: AppContext, parcel: Parcel) -> None:
    """A slow bucket: others may take it, and no attempt is counted."""
    with app.database.write_connection() as connection:
        connection.execute(
            update(Outbox).where(*_held(parcel)).values(lease_expires_at=None)
        )


def _send(app: AppContext, connection: Connection, parcel: Parcel) -> Outcome:
    try:
        content = _build(app, parcel) if parcel.wanted == "present" else None
        if content is not None:
            request = WriteRequest(
                parcel.key, BytesContent(content), "application/json"
            )
            return connection.provider.save_annotation(connection.ref, request)
        if parcel.wanted == "absent":
            connection.provider.delete_annotation(
                connection.ref, DeleteRequest(parcel.key)
            )
    except LabeldockError as error:
        return error
    return None


def _build(app: AppContext, parcel: Parcel) -> bytes | None:
    with app.database.read() as session:
        if is_task_mode(app.settings):
            return build_task(session, parcel.task_id or 0)
        return build_annotation(session, parcel.annotation_id or 0)


def _settle(app: AppContext, parcel: Parcel, outcome: Outcome) -> None:
    if isinstance(outcome, LabeldockError):
        _note_failure(app, parcel, outcome)
        return
    delivered: dict[str, Any] = {
        "delivered_version": parcel.version,
        "attempts": 0,
        "problem": None,
    }
    if parcel.wanted == "present" and outcome is None:
        delivered["run_id"] = None  # its annotation is gone: nothing was exported
    with app.database.write_connection() as connection:
        if not _release(connection, parcel, delivered):
            return
        if outcome is not None or parcel.wanted == "absent":
            _note_link(connection, parcel, outcome)
    if outcome is not None:
        event = AnnotationDelivered(
            parcel.storage_id,
            parcel.key,
            parcel.annotation_id,
            parcel.task_id,
            outcome.etag,
        )
        app.catalog.notify("after_annotation_delivered", event)


def _release(
    connection: DatabaseConnection, parcel: Parcel, values: dict[str, Any]
) -> bool:
    """Note what came of a parcel; False if its lease was lost meanwhile."""
    values = {**values, "lease_expires_at": None, "updated_at": utc_now()}
    noted = connection.execute(update(Outbox).where(*_held(parcel)).values(**values))
    if noted.rowcount == 1:
        return True
    _mark_again(connection, parcel)
    return False


def _held(parcel: Parcel) -> tuple[Any, ...]:
    return (col(Outbox.id) == parcel.id, col(Outbox.lease_token) == parcel.token)


def _mark_again(connection: DatabaseConnection, parcel: Parcel) -> None:
    _log.warning("delivery_lease_lost", storage_id=parcel.storage_id, key=parcel.key)
    connection.execute(
        update(Outbox)
        .where(col(Outbox.id) == parcel.id)
        .values(
            wanted_version=col(Outbox.wanted_version) + 1,
            has_failed=False,
            due_at=database_now(),
        )
    )


def _note_link(
    connection: DatabaseConnection, parcel: Parcel, saved: SavedObject | None
) -> None:
    if saved is None:
        connection.execute(
            delete(ExportLink).where(
                col(ExportLink.storage_id) == parcel.storage_id,
                col(ExportLink.key) == parcel.key,
            )
        )
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fresh: dict[str, Any] = {
        "annotation_id": parcel.annotation_id,
        "task_id": parcel.task_id,
        "etag": saved.etag,
        "version": parcel.version,
        "object_exists": True,
        "updated_at": utc_now(),
    }
    insert = dialect.insert(_LINK).values(
        storage_id=parcel.storage_id, key=parcel.key, created_at=utc_now(), **fresh
    )
    connection.execute(
        insert.on_conflict_do_update(index_elements=["storage_id", "key"], set_=fresh)
    )


def _note_failure(app: AppContext, parcel: Parcel, error: LabeldockError) -> None:
    attempts = parcel.attempts + 1
    may_pass = error.retryable or isinstance(error, ProviderCrash)
    is_final = attempts >= MAX_ATTEMPTS or not may_pass
    _log.warning(
        "delivery_failed",
        storage_id=parcel.storage_id,
        key=parcel.key,
        code=error.code,
        reason=error.message,
        will_retry=not is_final,
    )
    # What has come to be wanted meanwhile was never tried, and so has not failed.
    is_newest = col(Outbox.wanted_version) == parcel.version
    failed: dict[str, Any] = {
        "attempts": case((is_newest, attempts), else_=col(Outbox.attempts)),
        "has_failed": is_newest if is_final else False,
        "problem": leases.describe_problem(error),
        "due_at": database_now(leases.compute_backoff(attempts, error)),
    }
    with app.database.write_connection() as connection:
        _release(connection, parcel, failed)
    event = AnnotationFailed(
        parcel.storage_id, parcel.key, error.code, will_retry=not is_final
    )
    app.catalog.notify("after_annotation_failed", event)
