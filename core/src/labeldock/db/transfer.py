"""A whole database into another one: every table page by page, and then compared.

The tables are those of the metadata, in the order of their references. Documents pass
as the text that they are stored as, so that nothing is written anew on the way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

import psycopg
from sqlalchemy import Column, Connection, Select, String, Table, Text, func, select
from sqlalchemy.sql.expression import collate, type_coerce
from sqlalchemy.types import TypeDecorator

from labeldock.contract.errors import Conflict
from labeldock.db.bulk import insert_rows
from labeldock.db.schema import list_tables
from labeldock.db.types import Json

PAGE: Final = 5000
_READ: Final = 200  # rows in memory at a time; one may have megabytes
_COLUMN: Final = re.compile(r"column (\w+)")
Progress = Callable[[str, int], None]
"""Told the name of a table and how many of its rows are done."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """What a table holds: how many rows, and a checksum of all their values."""

    table: str
    rows: int
    checksum: str


def copy_tables(source: Connection, target: Connection, note: Progress) -> None:
    """Copy all rows from SQLite into the empty tables of PostgreSQL.

    Raises:
        Conflict: a value is one that PostgreSQL cannot hold; names table and column.
    """
    for table in list_tables():
        _copy_table(source, target, table, note)
        _set_sequence(source, target, table)
    target.exec_driver_sql("ANALYZE")


def _copy_table(
    source: Connection, target: Connection, table: Table, note: Progress
) -> None:
    columns = [column.name for column in table.columns]
    rows, done = _read(source, table), 0
    while page := _Page(islice(rows, PAGE)):
        try:
            insert_rows(target, table, columns, page)
        except psycopg.DataError as error:
            raise _refuse_value(table, error) from None
        done += page.count
        note(table.name, done)


class _Page:
    """Some rows on their way, which are never held together; false if there are none.

    `count` is how many went by.
    """

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows, self._first = rows, next(rows, None)
        self.count = 0

    def __bool__(self) -> bool:
        return self._first is not None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        row = self._first
        while row is not None:
            self.count += 1
            yield row
            row = next(self._rows, None)


def _refuse_value(table: Table, error: psycopg.DataError) -> Conflict:
    found = _COLUMN.search(error.diag.context or "")
    place = f"{table.name}.{found[1]}" if found else table.name
    kind = type(error).__name__
    return Conflict(
        f"{place} holds a value that PostgreSQL cannot hold ({kind}).",
        remedy="Correct or delete the row; nothing was kept in the target.",
    )


def _set_sequence(source: Connection, target: Connection, table: Table) -> None:
    """Let numbers go on after the last that was ever given, deleted rows' included."""
    if not table.dialect_options["sqlite"].get("autoincrement"):
        return
    last = source.exec_driver_sql(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)
    ).scalar()
    highest = target.execute(select(func.max(table.c.id))).scalar()
    if number := max(last or 0, highest or 0):
        sequence = f"{table.name}_id_seq"
        target.exec_driver_sql("SELECT setval(%s::regclass, %s)", (sequence, number))


def empty_tables(target: Connection) -> None:
    """Remove the rows that a new schema begins with."""
    for table in reversed(list_tables()):
        target.execute(table.delete())


def compare_tables(
    source: Connection, target: Connection, note: Progress
) -> list[TableSum]:
    """Compare all rows of both sides, value by value; what each table holds.

    Raises:
        Conflict: a row differs or is on one side only; names table, key and columns.
    """
    return [_compare_table(source, target, table, note) for table in list_tables()]


def _compare_table(
    source: Connection, target: Connection, table: Table, note: Progress
) -> TableSum:
    sums, count = (hashlib.sha256(), hashlib.sha256()), 0
    pairs = zip_longest(_read(source, table), _read(target, table))
    for ours, theirs in pairs:
        if ours != theirs:
            raise _describe_difference(table, ours, theirs)
        sums[0].update(repr(ours).encode(errors="surrogatepass"))
        sums[1].update(repr(theirs).encode(errors="surrogatepass"))
        count += 1
        if count % PAGE == 0:
            note(table.name, count)
    if count % PAGE:
        note(table.name, count)
    checksums = [each.hexdigest() for each in sums]
    if checksums[0] != checksums[1]:  # equal to Python, and yet not the same
        raise _refuse_difference(f"The checksums of {table.name} differ.")
    return TableSum(table.name, count, checksums[0])


def _describe_difference(
    table: Table, ours: tuple[Any, ...] | None, theirs: tuple[Any, ...] | None
) -> Conflict:
    if ours is None or theirs is None or _key(table, ours) != _key(table, theirs):
        return _describe_missing(table, ours, theirs)
    names = [
        column.name
        for column, one, other in zip(table.columns, ours, theirs, strict=True)
        if one != other
    ]
    key = _name_key(table, ours)
    return _refuse_difference(f"{table.name}: {key} differs in {', '.join(names)}.")


def _describe_missing(
    table: Table, ours: tuple[Any, ...] | None, theirs: tuple[Any, ...] | None
) -> Conflict:
    """Both sides are in order, so the lower key is missing on the other one."""
    is_ours = theirs is None or (
        ours is not None and _key(table, ours) < _key(table, theirs)
    )
    row, where = (ours, "source") if is_ours else (theirs, "target")
    key = _name_key(table, row or ())
    return _refuse_difference(f"{table.name}: {key} is in the {where} only.")


def _key(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    values = dict(zip(table.columns.keys(), row, strict=True))
    return tuple(values[column.name] for column in table.primary_key)


def _name_key(table: Table, row: tuple[Any, ...]) -> str:
    pairs = zip(table.primary_key.columns.keys(), _key(table, row), strict=True)
    return ", ".join(f"{name} {value}" for name, value in pairs)


def _refuse_difference(message: str) -> Conflict:
    return Conflict(
        f"The copy is not the same: {message}",
        remedy="Nothing was kept in the target; begin anew.",
    )


def _read(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """All rows in the order of their keys, as Python values, a few at a time."""
    streaming = connection.execution_options(stream_results=True, yield_per=_READ)
    with streaming.execute(_select(table, is_ours=_is_sqlite(connection))) as result:
        for row in result:
            yield tuple(row)


def _select(table: Table, *, is_ours: bool) -> Select[Any]:
    columns = [_as_stored(column) for column in table.columns]
    order: Iterable[Any] = table.primary_key.columns
    if not is_ours:  # text is in the order of its bytes in SQLite
        order = [_bytewise(column) for column in order]
    return select(*columns).order_by(*order)


def _as_stored(column: Column[Any]) -> Any:  # a column, or one with another type
    return type_coerce(column, Text) if isinstance(column.type, Json) else column


def _bytewise(column: Column[Any]) -> Any:  # as above
    kind = column.type
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    return collate(column, "C") if isinstance(plain, String) else column


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
