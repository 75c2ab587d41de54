"""Which workers there are: each gives a sign of life now and then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final

from sqlmodel import col, delete, select, update

from labeldock.db.columns import utc_now
from labeldock.db.history import WorkerSign
from labeldock.services.context import AppContext

PERIOD: Final = timedelta(seconds=20)
_ALIVE: Final = 3 * PERIOD
_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker and when it was heard of last."""

    name: str
    version: str
    threads: int
    started_at: datetime
    seen_at: datetime

    @property
    def is_alive(self) -> bool:
        """Whether it was heard of lately."""
        return utc_now() - self.seen_at < _ALIVE


def give_sign(app: AppContext, name: str, started_at: datetime) -> None:
    """Note that a worker is there; those that were not for a day are forgotten."""
    now, threads = utc_now(), app.settings.worker_threads
    with app.database.write() as session:
        seen = session.execute(
            update(WorkerSign)
            .where(col(WorkerSign.name) == name)
            .values(seen_at=now, started_at=started_at)
        )
        if not seen.rowcount:  # type: ignore[attr-defined]  # of an update
            session.add(
                WorkerSign(
                    name=name,
                    version=version("labeldock"),
                    threads=threads,
                    started_at=started_at,
                    seen_at=now,
                )
            )
        session.execute(delete(WorkerSign).where(col(WorkerSign.seen_at) < now - _KEPT))


def withdraw_sign(app: AppContext, name: str) -> None:
    """Note that a worker has stopped."""
    with app.database.write() as session:
        session.execute(delete(WorkerSign).where(col(WorkerSign.name) == name))


def list_workers(app: AppContext) -> list[WorkerView]:
    """The workers heard of within a day, those that are there first."""
    query = select(WorkerSign).order_by(col(WorkerSign.seen_at).desc())
    shown = set(WorkerView.__slots__)
    with app.database.read() as session:
        return [
            WorkerView(**row.model_dump(include=shown)) for row in session.exec(query)
        ]
