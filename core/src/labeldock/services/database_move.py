"""Moving from SQLite to PostgreSQL: all of it or nothing, in one transaction each side.

The source is held by its write lock meanwhile, so that nothing changes behind the copy;
the target commits what was compared with it, and nothing else. Whatever goes wrong
before leaves it as it was, so a move is not gone on with but begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import psycopg
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from labeldock.contract.errors import Conflict, InvalidInput, LabeldockError
from labeldock.db import schema
from labeldock.db.accounts import Organization
from labeldock.db.columns import utc_now
from labeldock.db.engine import Database
from labeldock.db.history import WorkerSign
from labeldock.db.partitions import Part
from labeldock.db.tables import Outbox, Run
from labeldock.db.transfer import TableSum, compare_tables, copy_tables, empty_tables
from labeldock.db.types import database_now
from labeldock.services.worker_signs import PERIOD

_ALIVE: Final = timedelta(seconds=3 * PERIOD.total_seconds())
_NEW_TABLES: Final = {"alembic_version"}


class Watcher(Protocol):
    """Is told how far a move is."""

    def __call__(self, step: str, table: str, rows: int, /) -> None:
        """So many rows of a table are copied, or compared, as `step` says."""


@dataclass(frozen=True, slots=True)
class Move:
    """What was moved: tables with their rows and checksums, in the order of copying."""

    tables: tuple[TableSum, ...]

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(table.rows for table in self.tables)


def move_database(source: Database, target: Database, watch: Watcher) -> Move:
    """Copy SQLite into an empty PostgreSQL database, and compare every row.

    Raises:
        InvalidInput: one of them is of another kind.
        Conflict: the service is at work, the target is not empty, a value cannot be
            held there, or the copy is not the same; the target is as it was.
        LabeldockError: the connection to the target was lost; it is as it was.
    """
    _check_kinds(source, target)
    schema.upgrade(source)
    try:
        with source.write_connection() as ours:
            _refuse_work(ours)
            with target.migrate_connection() as theirs:
                return Move(tuple(_move(ours, theirs, watch)))
    except (DBAPIError, psycopg.Error) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise LabeldockError(
            f"A database failed amid the move ({kind}).",
            remedy="Nothing was kept in the target; see to it and begin anew.",
        ) from error


def _move(ours: Connection, theirs: Connection, watch: Watcher) -> list[TableSum]:
    # Pages come as fast as SQLite reads; the session ends with the process.
    theirs.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    _refuse_filled(theirs)
    schema.upgrade_within(theirs)
    empty_tables(theirs)
    copy_tables(ours, theirs, lambda table, rows: watch("copied", table, rows))
    return compare_tables(
        ours, theirs, lambda table, rows: watch("compared", table, rows)
    )


def _check_kinds(source: Database, target: Database) -> None:
    if not source.is_sqlite:
        raise InvalidInput(
            "The database of this installation is PostgreSQL already.",
            field="LABELDOCK_DATABASE_URL",
            remedy="Between PostgreSQL databases, use pg_dump and pg_restore.",
        )
    if target.is_sqlite:
        raise InvalidInput(
            "The target is not a PostgreSQL database.",
            field="to",
            remedy="Give a URL like postgresql://user@host/name.",
        )


def _refuse_work(source: Connection) -> None:
    alive = select(func.count()).where(col(WorkerSign.seen_at) > utc_now() - _ALIVE)
    held = sum(_count_held(source, table) for table in (Run, Part, Outbox))
    if held or source.execute(alive).scalar_one():
        raise Conflict(
            "The service is at work on this database.",
            remedy="Stop all its processes. If they were killed, wait until the last "
            "sign of life is a minute old and their leases have run out.",
        )


def _count_held(source: Connection, table: Any) -> int:  # one with leases
    expires = col(table.lease_expires_at)
    query = select(func.count()).select_from(table).where(expires > database_now())
    return int(source.execute(query).scalar_one())


def _refuse_filled(target: Connection) -> None:
    """Leave alone whatever is there, but a schema of ours in which nothing is."""
    present = set(inspect(target).get_table_names())
    if not present:
        return
    ours = {table.name: table for table in schema.list_tables()}
    unknown = present - ours.keys() - _NEW_TABLES
    filled = sorted(
        name for name in present & ours.keys() if _is_filled(target, ours[name])
    )
    if unknown or filled:
        names = ", ".join([*filled, *sorted(unknown)][:5])
        raise Conflict(
            f"The target is not empty: {names}.",
            field="to",
            remedy="Make a new database for it: createdb NAME",
        )


def _is_filled(target: Connection, table: Any) -> bool:  # one of the metadata
    few = 1 if table.name == Organization.__tablename__ else 0  # made by the schema
    return len(target.execute(select(1).select_from(table).limit(few + 1)).all()) > few
