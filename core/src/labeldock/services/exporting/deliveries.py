"""How the deliveries of an export storage stand: counted, listed, tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func
from sqlmodel import Session, select

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox
from labeldock.services.exporting.wishes import OUTBOX

_IS_DONE: Final = OUTBOX.c.delivered_version >= OUTBOX.c.wanted_version


class DeliveryState(StrEnum):
    """Whether a key is as it should be, will be, or has been given up."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    FAILED = "failed"


_STATES: Final[dict[DeliveryState, Any]] = {
    DeliveryState.DELIVERED: _IS_DONE & (OUTBOX.c.wanted == "present"),
    DeliveryState.WAITING: ~_IS_DONE & ~OUTBOX.c.has_failed,
    DeliveryState.FAILED: ~_IS_DONE & OUTBOX.c.has_failed,
}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How many keys of an export storage are delivered, waiting, and given up."""

    delivered: int
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One key of an export storage: what is wanted there, and what is in the way."""

    id: int
    key: str
    wanted: str
    annotation_id: int | None
    task_id: int | None
    attempts: int
    due_at: datetime
    problem: dict[str, Any] | None


def count_deliveries(session: Session, storage_id: int) -> Deliveries:
    """How the deliveries of a storage stand, whoever asked for them."""
    counts = [func.count().filter(_STATES[state]) for state in DeliveryState]
    row = session.execute(select(*counts).where(OUTBOX.c.storage_id == storage_id))
    return Deliveries(*row.one())


def list_deliveries(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    state: DeliveryState,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[DeliveryView]:
    """Keys in a state, oldest first; `after` is the last id seen.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    shown = DeliveryView.__slots__
    query = (
        select(*[OUTBOX.c[name] for name in shown])
        .where(OUTBOX.c.storage_id == storage_id, OUTBOX.c.id > after, _STATES[state])
        .order_by(OUTBOX.c.id)
        .limit(limit)
    )
    with app.database.read() as session:
        load_export(session, principal, storage_id, Permission.VIEW)
        rows = session.execute(query).mappings()
        return [DeliveryView(**row) for row in rows]


def retry_deliveries(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    ids: Sequence[int] | None = None,
) -> int:
    """Try again what was given up, all of it or these; how many keys that are.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    conditions = [OUTBOX.c.storage_id == storage_id, _STATES[DeliveryState.FAILED]]
    if ids is not None:
        conditions.append(OUTBOX.c.id.in_(ids))
    with app.database.write() as session:
        load_export(session, principal, storage_id, Permission.MANAGE)
        revived = outbox.revive(session, *conditions)
    if revived:
        app.bell.ring_delivery(storage_id)
    return revived


def load_export(
    session: Session, principal: Principal, storage_id: int, permission: Permission
) -> Storage:
    """The row of an export storage, once it is clear that the caller may do this.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    storage = session.get(Storage, storage_id)
    if storage is None or storage.purpose != Purpose.EXPORT:
        raise NotFound(f"There is no export storage {storage_id}.", field="storage")
    access.require(session, principal, storage.project_id, permission)
    return storage
