"""Page inserts: identifiers reserved first, rows as tuples to the driver.

The ORM is for single rows; a page of thousands goes through here. PostgreSQL gets
`COPY` and numbers from its sequences, SQLite `executemany` and the numbers that follow
the last one, which nobody else can take inside a write transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, Table

from labeldock.db.copying import render_copy
from labeldock.db.types import Json, UtcDateTime, dump_json

Row = Sequence[Any]


def reserve_ids(connection: Connection, table: Table, count: int) -> range | list[int]:
    """Take `count` identifiers of a table; nobody else will get them.

    Inside a write transaction only.
    """
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)
        ).scalar()
        first = (found or 0) + 1
        return range(first, first + count)
    sequence = f"{table.name}_id_seq"
    rows = connection.exec_driver_sql(
        "SELECT array_agg(nextval(%s::regclass)) FROM generate_series(1, %s)",
        (sequence, count),
    )
    return list(rows.scalar() or ())


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]
) -> None:
    """Insert many rows; each is a sequence of driver values in the columns' order.

    Documents have to be JSON text already (see `encode_time` for times): the values
    pass to the driver as they are.
    """
    driver: Any = connection.connection.driver_connection  # sqlite3 or psycopg
    statement = _insert_statement(connection.dialect.name, table, tuple(columns))
    if connection.dialect.name == "sqlite":
        driver.executemany(statement, rows)
        return
    with driver.cursor().copy(statement) as copy:
        for piece in render_copy(rows):
            copy.write(piece)


@cache
def _insert_statement(dialect: str, table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    if dialect == "sqlite":
        marks = ", ".join("?" * len(columns))
        return f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  our own names
    return f'COPY "{table.name}" ({names}) FROM STDIN'


class ManyRows:
    """A statement that is executed for many rows, compiled once.

    The driver gets its text and plain values, which takes a tenth of the time that
    SQLAlchemy takes to bind them; values have to be encoded (see `encode_time`).
    """

    def __init__(
        self, statement: Any, columns: Sequence[str], dialect: Dialect
    ) -> None:
        """For rows that have values for these columns, in this order."""
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self._text = str(compiled)
        self._columns = columns
        self._usual: dict[str, Any] = dict(compiled.params)
        self._names: Sequence[str] | None = compiled.positiontup

    def execute(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Execute it for all rows."""
        named = [
            {**self._usual, **dict(zip(self._columns, row, strict=True))}
            for row in rows
        ]
        names = self._names
        if names is None:
            connection.exec_driver_sql(self._text, named)
            return
        values = [tuple(row[name] for name in names) for row in named]
        connection.exec_driver_sql(self._text, values)


def encode_time(connection: Connection, value: datetime | None) -> Any:
    """A time as `insert_rows` wants it."""
    return encode_time_for(connection.dialect.name, value)


def encode_time_for(dialect: str, value: datetime | None) -> Any:
    """A time as `insert_rows` wants it with a connection of this dialect."""
    if value is None or dialect != "sqlite":
        return value
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def encode_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]
) -> list[tuple[Any, ...]]:
    """Turn Python values into driver values; for rows that are not the hot path."""
    encoders = [_encoder(connection, table, column) for column in columns]
    return [
        tuple(encode(value) for encode, value in zip(encoders, row, strict=True))
        for row in rows
    ]


def _encoder(connection: Connection, table: Table, column: str) -> Callable[[Any], Any]:
    kind = table.c[column].type
    if isinstance(kind, Json):
        return lambda value: None if value is None else dump_json(value)
    if isinstance(kind, UtcDateTime):
        return lambda value: encode_time(connection, value)
    if isinstance(kind, Boolean) and connection.dialect.name == "sqlite":
        return int
    return lambda value: value
