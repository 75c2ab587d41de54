"""A database with rows of every kind in every table, made from the metadata alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Boolean, Float, Integer, LargeBinary, insert

from labeldock.db import schema
from labeldock.db.types import BigId, Json, UtcDateTime

# Numbers of a column: those of 64 bits in columns that have them.
LARGE = 2**62
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
TEXTS = ("", "plain", "Grüße 🐦 \\N\t\"'\n", "日本\u2028語", "z" * 9000)
DOCUMENTS = (
    {"b": 1, "a": [None, True, 0.1, -1e300]},
    {"nul": "a\0b", "half": 10**40, "é": "\\u0000 \\N"},
    [],
    "text",
    {"deep": [[[[{"x": [1]}]]]]},
)


def fill(database, rows=5):
    """Put rows into every table; text keys differ in a way that collations ignore."""
    schema.upgrade(database)
    with database.migrate_connection() as connection:
        for table in reversed(schema.SCHEMA.sorted_tables):
            connection.execute(table.delete())
        for table in schema.SCHEMA.sorted_tables:
            connection.execute(
                insert(table), [build_row(table, n) for n in range(1, rows + 1)]
            )


def build_row(table, number):
    return {column.name: make_value(column, number) for column in table.columns}


def make_value(column, number):
    if column.foreign_keys or (column.primary_key and column.type is BigId):
        return number
    if column.nullable and number % 5 == 0:
        return None
    if column.type is BigId:
        return LARGE + number
    kinds = (kind for kind in MAKERS if isinstance(column.type, kind))
    return MAKERS.get(next(kinds, None), make_text)(number)


def make_text(number):
    """In the order of a dictionary these are in another order than by their bytes."""
    return f"{'aBcÄ-'[number % 5]}{number} {TEXTS[number % len(TEXTS)]}"


MAKERS = {
    Json: lambda number: DOCUMENTS[number % len(DOCUMENTS)],
    UtcDateTime: lambda n: LONG_AGO + timedelta(days=n, microseconds=n),
    Boolean: lambda number: number % 2 == 0,
    LargeBinary: lambda number: bytes(range(256)) * number,
    Float: lambda number: number / 3,
    Integer: lambda number: number,
}
