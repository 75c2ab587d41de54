"""Bringing a shared database to the schema of this version, while others use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import inspect, select
from sqlmodel import col

from labeldock.contract.errors import Conflict
from labeldock.db import schema
from labeldock.db.columns import utc_now
from labeldock.db.engine import Database
from labeldock.db.history import WorkerSign
from labeldock.db.schema_floor import is_older
from labeldock.services.worker_signs import PERIOD

_ALIVE: Final = timedelta(seconds=3 * PERIOD.total_seconds())


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What became of a schema.

    Attributes:
        before: its revision; None for an empty database.
        after: the same afterwards.
        is_ahead: whether it is that of a newer version, and was left as it is.
    """

    before: str | None
    after: str | None
    is_ahead: bool


def upgrade_database(database: Database) -> Upgrade:
    """Bring a database to the newest schema that this version knows.

    Raises:
        Conflict: the schema takes away what workers that are running still use, or a
            table stayed locked.
        ConfigurationError: a newer version has taken away what this one needs.
    """
    before = schema.current_revision(database)
    floor = schema.find_next_floor(database)
    if floor and before is not None:
        _refuse_older_workers(database, floor)
    schema.upgrade(database)
    after = schema.current_revision(database)
    return Upgrade(before, after, is_ahead=schema.is_ahead(after))


def _refuse_older_workers(database: Database, floor: str) -> None:
    older = [name for name in _list_running(database) if is_older(name[1], floor)]
    if older:
        names = ", ".join(f"{name} ({version})" for name, version in older[:5])
        raise Conflict(
            f"Workers older than {floor} are running: {names}. This schema takes away "
            "what they use.",
            remedy="Upgrade or stop them, and all older web processes, first. Of one "
            "that was killed, the last sign of life is forgotten after a minute.",
        )


def _list_running(database: Database) -> list[tuple[str, str]]:
    """Names and versions; asked for by column, since the table may be an older one."""
    query = select(col(WorkerSign.name), col(WorkerSign.version)).where(
        col(WorkerSign.seen_at) > utc_now() - _ALIVE
    )
    with database.engine.connect() as connection:
        if not inspect(connection).has_table(WorkerSign.__tablename__):
            return []
        return [(row[0], row[1]) for row in connection.execute(query)]
