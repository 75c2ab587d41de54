"""The lease on a key of the outbox: taken, looked at, given back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import col, select, update

from labeldock.contract.errors import LabeldockError
from labeldock.db.tables import Outbox
from labeldock.db.types import database_now
from labeldock.services.context import AppContext
from labeldock.services.exporting.keys import Item
from labeldock.services.exporting.wishes import LINK, OUTBOX, due_conditions

BATCH: Final = 512
LEASE_SECONDS: Final = 120.0


class ParcelLost(LabeldockError):
    """The key is in other hands by now; what was about to be done must not be done."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One key to deliver, and the lease on it.

    `in_doubt` counts the claims since something was delivered for sure, this one
    included: with more than one, an earlier one may have written the object.
    """

    id: int
    storage_id: int
    key: str
    annotation_id: int | None
    task_id: int | None
    wanted: str
    version: int
    token: int
    attempts: int
    in_doubt: int
    claimed_at: float

    @property
    def item(self) -> Item:
        """What the file is about."""
        return Item(self.task_id or 0, self.annotation_id)


def claim_parcels(app: AppContext, storage_id: int, limit: int = 0) -> list[Parcel]:
    """Take the lease of some due keys of a storage, in the order they came due."""
    due = (
        select(col(Outbox.id))
        .where(col(Outbox.storage_id) == storage_id, *due_conditions())
        .order_by(col(Outbox.due_at), col(Outbox.id))
        .limit(limit or BATCH)
        .with_for_update(skip_locked=True)
    )
    chosen = due.cte("chosen")  # run once, which a subquery of IN need not be
    claim = (
        update(Outbox)
        .where(col(Outbox.id).in_(select(chosen.c.id)))
        .values(
            lease_token=col(Outbox.lease_token) + 1,
            claimed_version=col(Outbox.wanted_version),
            in_doubt=col(Outbox.in_doubt) + 1,
            lease_expires_at=database_now(LEASE_SECONDS),
        )
        .returning(OUTBOX)
    )
    claimed_at = time.monotonic()
    with app.database.write_connection() as connection:
        rows = connection.execute(claim).all()
    parcels = [_build_parcel(row, claimed_at) for row in rows]
    return sorted(parcels, key=lambda parcel: parcel.id)


def _build_parcel(row: Any, claimed_at: float) -> Parcel:
    return Parcel(
        id=row.id,
        storage_id=row.storage_id,
        key=row.key,
        annotation_id=row.annotation_id,
        task_id=row.task_id,
        wanted=row.wanted,
        version=row.wanted_version,
        token=row.lease_token,
        attempts=row.attempts,
        in_doubt=row.in_doubt,
        claimed_at=claimed_at,
    )


def select_held(
    connection: Connection, parcels: Sequence[Parcel], *, lock: bool = False
) -> dict[int, int]:
    """Which of the parcels are still ours: their ids, and the versions wanted now."""
    query = select(OUTBOX.c.id, OUTBOX.c.lease_token, OUTBOX.c.wanted_version).where(
        OUTBOX.c.id.in_([parcel.id for parcel in parcels])
    )
    if lock:
        query = query.order_by(OUTBOX.c.id).with_for_update()
    tokens = {parcel.id: parcel.token for parcel in parcels}
    return {
        row.id: row.wanted_version
        for row in connection.execute(query)
        if row.lease_token == tokens[row.id]
    }


def select_etags(
    connection: Connection, parcels: Sequence[Parcel]
) -> dict[int, str | None]:
    """Which of the parcels are still ours, and the ETags known for their keys."""
    link = (LINK.c.storage_id == OUTBOX.c.storage_id) & (LINK.c.key == OUTBOX.c.key)
    query = (
        select(OUTBOX.c.id, OUTBOX.c.lease_token, LINK.c.etag)
        .join_from(OUTBOX, LINK, link, isouter=True)
        .where(OUTBOX.c.id.in_([parcel.id for parcel in parcels]))
    )
    tokens = {parcel.id: parcel.token for parcel in parcels}
    return {
        row.id: row.etag
        for row in connection.execute(query)
        if row.lease_token == tokens[row.id]
    }


def ensure_held(app: AppContext, parcel: Parcel) -> None:
    """Go on only if the key is still ours.

    Raises:
        ParcelLost: it is not.
    """
    with app.database.read() as session:
        if not select_held(session.connection(), [parcel]):
            raise ParcelLost(f"The lease on {parcel.key!r} was lost.")


def give_back(app: AppContext, parcels: Iterable[Parcel]) -> None:
    """A slow bucket: others may take them, and no attempt is counted."""
    with app.database.write_connection() as connection:
        for parcel in parcels:
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.id == parcel.id, OUTBOX.c.lease_token == parcel.token)
                .values(lease_expires_at=None, in_doubt=OUTBOX.c.in_doubt - 1)
            )
