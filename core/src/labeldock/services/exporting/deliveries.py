"""How the deliveries of an export storage stand: counted, listed, tried again."""

from __future__ import annotations

from collections import Counter
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


def count_deliveries(
    session: Session, storage_id: int, most: int | None = None
) -> Deliveries:
    """How the deliveries of a storage stand, whoever asked for them.

    With `most`, of each kind no more than that are counted: a page has no time.
    """
    if most is not None:
        return _count_some(session, storage_id, most)
    counts = [func.count().filter(_STATES[state]) for state in DeliveryState]
    row = session.execute(select(*counts).where(OUTBOX.c.storage_id == storage_id))
    return Deliveries(*row.one())


def _count_some(session: Session, storage_id: int, most: int) -> Deliveries:
    """What is under way is found by an index of its own, however much was delivered."""
    of_storage = OUTBOX.c.storage_id == storage_id
    is_open = OUTBOX.c.delivered_version < OUTBOX.c.wanted_version
    under_way = select(OUTBOX.c.has_failed).where(of_storage, is_open).limit(most)
    counts = dict.fromkeys((False, True), 0) | dict(
        Counter(bool(failed) for failed in session.execute(under_way).scalars())
    )
    done = select(OUTBOX.c.id).where(of_storage, ~is_open, OUTBOX.c.wanted == "present")
    some = select(func.count()).select_from(done.limit(most).subquery())
    delivered = session.execute(some).scalar_one()
    return Deliveries(delivered, counts[False], counts[True])


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
    missing = NotFound(f"There is no export storage {storage_id}.", field="storage")
    if storage is None or storage.purpose != Purpose.EXPORT:
        raise missing
    project_id = storage.project_id
    access.require(session, principal, project_id, permission, hidden=missing)
    return storage
