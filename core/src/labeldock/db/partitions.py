"""The tables of what a run consists of: parts that workers share, objects it noted.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from labeldock.db.tables import utc_now
from labeldock.db.types import BigId, BytewiseText, Json, UtcDateTime

OPEN_PART_STATES: Final = ("queued", "in_progress")
_OPEN: Final = text("state IN ('queued', 'in_progress')")


def _id() -> Any:  # SQLModel types every Field as Any
    return Field(default=None, sa_column=Column(BigId, primary_key=True))


def _run_id() -> Any:
    reference = ForeignKey("run.id", ondelete="CASCADE")
    return Field(sa_column=Column(BigId, reference, nullable=False))


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(Json, nullable=False))


def _time() -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


class Part(SQLModel, table=True):
    """A range of keys of a run: above `after_key`, up to and including `upto_key`.

    `after_key` "" is the beginning, `upto_key` NULL the end. Held by a lease of its
    own, as a run is. `state` is `queued`, `in_progress`, `done` (until the run has
    added its counts to its own, and removes it), `failed` (with `problem`), or
    `stopped` with its run.
    """

    __tablename__ = "part"
    __table_args__ = (
        UniqueConstraint("run_id", "after_key"),
        Index("ix_part_due", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        {"sqlite_autoincrement": True},
    )

    id: int = _id()
    run_id: int = _run_id()
    after_key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    upto_key: str | None = Field(
        default=None, sa_column=Column(BytewiseText, nullable=True)
    )
    size: int = 0
    state: str = "queued"
    checkpoint: dict[str, Any] = _json()
    counts: dict[str, int] = _json()
    problem: dict[str, Any] | None = Field(
        default=None, sa_column=Column(Json, nullable=True)
    )
    attempts: int = 0
    due_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
    lease_token: int = 0
    lease_owner: str = ""
    lease_expires_at: datetime | None = _time()
    last_ping_at: datetime | None = _time()


class RunObject(SQLModel, table=True):
    """An object that a dry run lists: `category` says what a sync would do with it."""

    __tablename__ = "run_object"
    __table_args__ = (
        Index("ix_run_object_run_id_category_id", "run_id", "category", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = _id()
    run_id: int = _run_id()
    category: str
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
