"""Columns of the kinds that many tables have. SQLModel types every field as Any."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field

from labeldock.db.types import BigId, Json, UtcDateTime

AUTO: Final = {"sqlite_autoincrement": True}
"""For `__table_args__`: SQLite is never to give a number twice."""


def utc_now() -> datetime:
    """The time by this machine's clock, for columns that only people read."""
    return datetime.now(UTC)


def row_id() -> Any:
    """The number of a row, which the database gives."""
    return Field(default=None, sa_column=Column(BigId, primary_key=True))


def number() -> Any:
    """A large number, or null."""
    return Field(default=None, sa_column=Column(BigId, nullable=True))


def reference(
    target: str, ondelete: str, *, index: bool = False, optional: bool = False
) -> Any:
    """The number of a row of another table, as `project.id`."""
    key = ForeignKey(target, ondelete=ondelete)
    column = Column(BigId, key, nullable=optional, index=index)
    return Field(default=None if optional else ..., sa_column=column)


def key_reference(target: str, *, index: bool = False) -> Any:
    """The same as a part of the table's key; the row goes with the other one."""
    key = ForeignKey(target, ondelete="CASCADE")
    return Field(sa_column=Column(BigId, key, primary_key=True, index=index))


def time(*, index: bool = False) -> Any:
    """A time, or null."""
    return Field(default=None, sa_type=UtcDateTime, nullable=True, index=index)


def time_of_writing() -> Any:
    """When the row was made, unless another time is given."""
    return Field(default_factory=utc_now, sa_type=UtcDateTime, nullable=False)


def json_object() -> Any:
    """A JSON object; empty unless one is given."""
    return Field(default_factory=dict, sa_column=Column(Json, nullable=False))


def json_list() -> Any:
    """A JSON array; empty unless one is given."""
    return Field(default_factory=list, sa_column=Column(Json, nullable=False))


def json_or_null() -> Any:
    """Any JSON, or null."""
    return Field(default=None, sa_column=Column(Json, nullable=True))
