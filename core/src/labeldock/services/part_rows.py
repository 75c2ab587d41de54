"""The parts of a run when the run ends, goes on, or is looked at.

How a worker holds and does one is in `parts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection
from sqlmodel import Session, col, select, update

from labeldock.db.partitions import OPEN_PART_STATES, Part
from labeldock.db.tables import Run
from labeldock.db.types import database_now

_FREE = {"lease_owner": "", "lease_expires_at": None}


def stop_parts(connection: Connection, run_id: int) -> None:
    """Take the parts of a run out of all hands; nobody writes for them any more.

    What they have counted is the run's from now on. Called by whoever ends a run, after
    it has changed the run's row.
    """
    of_run = col(Part.run_id) == run_id
    connection.execute(
        update(Part)
        .where(of_run, col(Part.state).in_(OPEN_PART_STATES))
        .values(state="stopped", lease_token=col(Part.lease_token) + 1, **_FREE)
    )
    found = connection.execute(select(Part.counts).where(of_run)).scalars().all()
    if not any(found):
        return
    query = select(Run.counts).where(Run.id == run_id)
    counts = add_counts(connection.execute(query).scalar_one(), found)
    connection.execute(update(Run).where(col(Run.id) == run_id).values(counts=counts))
    connection.execute(update(Part).where(of_run).values(counts={}))


def reopen_parts(connection: Connection, run_id: int) -> None:
    """Queue the parts of a run again, each from its checkpoint."""
    connection.execute(
        update(Part)
        .where(col(Part.run_id) == run_id, col(Part.state).in_(("stopped", "failed")))
        .values(state="queued", attempts=0, problem=None, due_at=database_now())
    )


def add_progress(
    session: Session, run_id: int, counts: Mapping[str, int]
) -> dict[str, int]:
    """The counts of a run together with those of the parts that it has still."""
    query = select(Part.counts).where(Part.run_id == run_id)
    return add_counts(counts, session.exec(query))


def add_counts(
    counts: Mapping[str, int], more: Iterable[Mapping[str, int]]
) -> dict[str, int]:
    """Counts name by name, in the order of the first."""
    total = Counter(counts)
    for each in more:
        total.update(each)
    return dict(total)
