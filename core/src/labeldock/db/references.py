"""References of many new rows, checked once for all of them; on PostgreSQL.

PostgreSQL looks up what a new row refers to, and locks it, for each row and reference
by itself. That is half of what inserting a page costs, although all of its rows refer
to the same project and storage, and to each other. See decision 0032.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Table

_KNOWN: Final = "labeldock_may_hold"
_IS_SUPERUSER: Final = "SELECT current_setting('is_superuser') = 'on'"
_IS_GRANTED: Final = "SELECT has_parameter_privilege('session_replication_role', 'SET')"
_GRANTS_SINCE: Final = (15,)
_UNCHECKED: Final = "SET LOCAL session_replication_role = replica"
_CHECKED: Final = "SET LOCAL session_replication_role = origin"


@contextmanager
def held_references(
    connection: Connection, held: Mapping[Table, int]
) -> Iterator[None]:
    """Keep rows from being removed, and insert rows without looking for them again.

    What is inserted within the block may refer to these rows, to rows inserted in the
    same transaction, and to nothing else. Where one of them is gone, where the
    database's user may not do so, and on SQLite, each row is checked as always. After
    an error the transaction has to be rolled back.

    Args:
        connection: in a write transaction.
        held: tables, and the identifier of one row of each.
    """
    if connection.dialect.name != "postgresql" or not _may_hold(connection):
        yield
        return
    if not _hold(connection, held):
        yield
        return
    connection.exec_driver_sql(_UNCHECKED)
    yield
    connection.exec_driver_sql(_CHECKED)


def _may_hold(connection: Connection) -> bool:
    """Whether this user may; asked once per connection to the server."""
    known = connection.info.get(_KNOWN)
    if known is None:
        known = connection.info[_KNOWN] = _ask_whether(connection)
    return bool(known)


def _ask_whether(connection: Connection) -> bool:
    if connection.exec_driver_sql(_IS_SUPERUSER).scalar_one():
        return True
    version = connection.dialect.server_version_info or ()
    if version < _GRANTS_SINCE:
        return False
    return bool(connection.exec_driver_sql(_IS_GRANTED).scalar_one())


def _hold(connection: Connection, held: Mapping[Table, int]) -> bool:
    """Lock the rows as references to them do; whether all of them are there."""
    tables = ", ".join(f'"{table.name}"' for table in held)
    chosen = " AND ".join(f'"{table.name}".id = %s' for table in held)
    query = f"SELECT 1 FROM {tables} WHERE {chosen} FOR KEY SHARE"  # noqa: S608  our own names
    return connection.exec_driver_sql(query, tuple(held.values())).first() is not None
