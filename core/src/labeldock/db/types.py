"""Column types that mean the same on SQLite and PostgreSQL, and JSON in one place."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine

BigId: Final = BigInteger().with_variant(Integer(), "sqlite")
"""Identifiers: 64 bits; on SQLite the INTEGER that AUTOINCREMENT asks for."""

BytewiseText: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is ordered by its UTF-8 bytes, as object keys are."""

_LONG_NUMBER: Final = re.compile(r"[0-9]{19}", re.ASCII)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times; SQLite holds them as text without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Turn an aware time into what the driver stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Turn what the driver gives into an aware time."""
        if value is None:
            return None
        return (
            value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        )


class Json(TypeDecorator[Any]):
    """A JSON document, stored as the text it was written as.

    Not PostgreSQL's jsonb: that reorders keys, and refuses U+0000 in strings.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encode; None is stored as NULL."""
        return None if value is None else dump_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Decode."""
        return None if value is None else load_json(value)

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Compare with plain text."""
        return String()


def dump_json(value: Any) -> str:
    """Compact JSON text.

    Integers beyond 64 bits and nesting beyond 254 levels take the slower way.

    Raises:
        TypeError, ValueError, RecursionError: something in it is not JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return _dump_slowly(value)


def _dump_slowly(value: Any) -> str:
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        default=_render,
    )
    text.encode()  # half of a surrogate pair is text to Python, and to nobody else
    return text


def _render(value: Any) -> Any:  # what orjson knows beyond the standard library
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def load_json(text: str | bytes) -> Any:
    """The document in a JSON text, integers of any size kept to the digit.

    Raises:
        orjson.JSONDecodeError: it is not JSON, or a number is beyond all floats.
    """
    document = orjson.loads(text)
    decoded = text if isinstance(text, str) else text.decode()
    if _LONG_NUMBER.search(decoded):
        return json.loads(decoded)  # orjson makes floats of integers beyond 64 bits
    return document


def escape_text(text: str) -> str:
    """Text that every database holds: U+0000 and halves of pairs are escaped.

    For texts that come from outside, such as messages of providers.
    """
    escaped = text.encode("utf-8", "backslashreplace").decode()
    return escaped.replace("\0", "\\x00")


class database_now(GenericFunction[datetime]):  # noqa: N801  named like SQL functions
    """The time by the database's clock, plus the given number of seconds.

    Leases are measured by it, since the clocks of workers differ.
    """

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _postgresql_now(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    offset = _offset(element, compiler, kw)
    # A subquery is evaluated once. By itself the function might be another time for
    # every row, so that no index could find what lies before it.
    return f"(SELECT clock_timestamp() + make_interval(secs => {offset}))"


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    offset = _offset(element, compiler, kw)
    # The text has SQLAlchemy's form (six digits of microseconds), so it compares.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({offset}) || ' seconds')"


def _offset(element: database_now, compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    clauses = list(element.clauses)
    return compiler.process(clauses[0], **kw) if clauses else "0"
