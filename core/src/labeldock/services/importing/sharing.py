"""Cutting what a walk finds into parts, for several workers to import.

Whoever holds the run lists the bucket, and hands out the ranges in which there is
something to read; where nothing is new, it does the little that there is to do itself.
Parts are small at first, so that a small bucket is shared by all workers too, and grow
with the bucket.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert

from labeldock.contract.values import ObjectInfo
from labeldock.db.partitions import Part
from labeldock.db.types import database_now
from labeldock.services.leases import Lease

SMALLEST_PART: Final = 64
MAX_PARTS: Final = 256
"""How many a run may have at a time; the walk waits when there are more."""

_PART: Final = Part.__table__  # type: ignore[attr-defined]
_GROWTH: Final = 64
_KEY: Final = attrgetter("key")


class NewPart(NamedTuple):
    """A range of keys to hand out: above `after`, up to and including `upto`.

    "" is the beginning, None the end; `size` is how many objects were listed in it.
    """

    after: str
    upto: str | None
    size: int


def choose_size(checkpoint: dict[str, Any], most: int) -> int:
    """How many objects the next parts of a walk should have to read."""
    grown = int(checkpoint.get("shared", 0)) // _GROWTH
    return min(most, max(SMALLEST_PART, grown))


def is_worth_sharing(count: int, size: int) -> bool:
    """Whether so many objects to read are more than one part."""
    return count > size


def cut_parts(
    objects: Sequence[ObjectInfo],
    reads: Sequence[ObjectInfo],
    bounds: tuple[str, str | None],
    size: int,
) -> list[NewPart]:
    """Cut a range after every so many objects that have to be read.

    Args:
        objects: all that were listed in it.
        reads: those that have to be read, in the same order.
        bounds: the range, as in `NewPart`.
        size: how many of them a part has.
    """
    after, end = bounds
    cuts = [reads[i].key for i in range(size - 1, len(reads) - 1, size)]
    parts = []
    for upto in (*cuts, end):
        first = bisect_right(objects, after, key=_KEY)
        last = len(objects) if upto is None else bisect_right(objects, upto, key=_KEY)
        parts.append(NewPart(after, upto, last - first))
        after = upto or ""
    return parts


def add_parts(connection: Connection, lease: Lease, parts: Sequence[NewPart]) -> None:
    """Hand parts out, within a transaction of the run that `fence` began."""
    same: dict[str, Any] = {
        "run_id": lease.run_id,
        "state": "queued",
        "checkpoint": {"scope": lease.checkpoint["scope"]},
        "counts": {},
        "attempts": 0,
        "lease_token": 0,
        "lease_owner": "",
    }
    rows = [
        {**same, "after_key": part.after, "upto_key": part.upto, "size": part.size}
        for part in parts
    ]
    connection.execute(insert(_PART).values(due_at=database_now()), rows)
