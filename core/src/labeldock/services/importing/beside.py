"""Objects looked at by name beside a walk, by whoever walks.

Between two pages, the holder of a run looks at what notifications have named. What is
done then (tasks made, objects gone or back) is counted once, by whoever does it first.
What is merely found is counted by the walk, and so is what cannot be imported as long
as the walk is going to come by.

Keys that lie in a part of the run are looked at while nobody works on that part: its
row is locked by the transaction, which is void if the part has been claimed meanwhile.
So no key ever has two writers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from labeldock.contract.errors import LabeldockError
from labeldock.db.partitions import OPEN_PART_STATES, Part
from labeldock.db.tables import ImportLink, RunError
from labeldock.db.types import escape_text
from labeldock.services.context import AppContext
from labeldock.services.importing.source import Source
from labeldock.services.leases import Lease

_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]
_PART: Final = Part.__table__  # type: ignore[attr-defined]
_ERROR: Final = RunError.__table__  # type: ignore[attr-defined]


class PartTaken(LabeldockError):
    """A part was claimed while keys in it were looked at; nothing was written."""

    code = "part_taken"


@dataclass(frozen=True, slots=True)
class OpenPart:
    """A part of the run that is not done, as of one moment.

    `passed` is the last key that was dealt with in it.
    """

    id: int
    after: str
    upto: str | None
    passed: str
    token: int
    is_held: bool

    def covers(self, key: str) -> bool:
        """Whether a key is the part's to import."""
        return self.after < key and (self.upto is None or key <= self.upto)


@dataclass(frozen=True, slots=True)
class Beside:
    """Where a walk is while objects are looked at beside it.

    `passed` is the last key that it has dealt with, "" at its beginning, and None if
    it has listed everything, or goes in an order that is not known.
    """

    passed: str | None
    parts: Sequence[OpenPart] = ()

    def is_held(self, key: str) -> bool:
        """Whether somebody works on the part that a key lies in."""
        return any(part.is_held and part.covers(key) for part in self.parts)

    def is_left(self, key: str) -> bool:
        """Whether the walk is going to come by this key."""
        for part in self.parts:
            if part.covers(key):
                return key > part.passed
        return self.passed is not None and key > self.passed

    def guard(self, keys: Iterable[str]) -> dict[int, int]:
        """The parts that these keys lie in, and their tokens."""
        keys = list(keys)
        return {
            part.id: part.token
            for part in self.parts
            if any(part.covers(key) for key in keys)
        }


def find_place(app: AppContext, lease: Lease, source: Source) -> Beside:
    """Where the walk of this run is now, and what of it is in parts."""
    columns = (
        _PART.c.id, _PART.c.after_key, _PART.c.upto_key, _PART.c.checkpoint,
        _PART.c.lease_token, _PART.c.lease_owner,
    )  # fmt: skip
    query = select(*columns).where(
        _PART.c.run_id == lease.run_id, _PART.c.state.in_(OPEN_PART_STATES)
    )
    with app.database.read() as session:
        parts = [
            OpenPart(
                id=row[0],
                after=row[1],
                upto=row[2],
                passed=row[3].get("after") or row[1],
                token=row[4],
                is_held=row[5] != "",
            )
            for row in session.execute(query)
        ]
    is_ahead = source.is_ordered and not lease.checkpoint.get("is_listed")
    return Beside(lease.checkpoint.get("after") or "" if is_ahead else None, parts)


def hold_parts(connection: Connection, guard: Mapping[int, int]) -> None:
    """Lock parts that nobody works on, for the rest of a transaction of their run.

    Raises:
        PartTaken: one was claimed since; the transaction must be rolled back.
    """
    if not guard:
        return
    query = (
        select(_PART.c.id, _PART.c.lease_token)
        .where(_PART.c.id.in_(guard), _PART.c.lease_owner == "")
        .order_by(_PART.c.id)
        .with_for_update()
    )
    if {row[0]: row[1] for row in connection.execute(query)} != guard:
        raise PartTaken("A part was claimed while keys in it were looked at.")


def list_looked_up(
    app: AppContext, lease: Lease, keys: Collection[str]
) -> frozenset[str]:
    """Those of the keys that this run has looked at by name already.

    A listing may be older than that: some are prepared folder by folder.
    """
    if not keys:
        return frozenset()
    query = select(_LINK.c.key).where(
        _LINK.c.storage_id == lease.storage_id,
        _LINK.c.key.in_(keys),
        _LINK.c.seen_run_id == lease.run_id,
    )
    return _load_keys(app, query)


def list_told(app: AppContext, lease: Lease, keys: Collection[str]) -> frozenset[str]:
    """Those of the keys that are among the run's errors already, as they are there."""
    if not keys:
        return frozenset()
    query = select(_ERROR.c.key).where(
        _ERROR.c.run_id == lease.run_id,
        _ERROR.c.key.in_([escape_text(key) for key in keys]),
    )
    return _load_keys(app, query)


def _load_keys(app: AppContext, query: Any) -> frozenset[str]:
    with app.database.engine.connect() as connection:
        return frozenset(connection.execute(query).scalars())
