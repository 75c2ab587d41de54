"""The tables of what a run consists of: parts that workers share, objects it noted.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from labeldock.db.columns import json_object, reference, row_id, time, utc_now
from labeldock.db.types import BytewiseText, Json, UtcDateTime

OPEN_PART_STATES: Final = ("queued", "in_progress")
_OPEN: Final = text("state IN ('queued', 'in_progress')")


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

    id: int = row_id()
    run_id: int = reference("run.id", "CASCADE")
    after_key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    upto_key: str | None = Field(
        default=None, sa_column=Column(BytewiseText, nullable=True)
    )
    size: int = 0
    state: str = "queued"
    checkpoint: dict[str, Any] = json_object()
    counts: dict[str, int] = json_object()
    problem: dict[str, Any] | None = Field(
        default=None, sa_column=Column(Json, nullable=True)
    )
    attempts: int = 0
    due_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
    lease_token: int = 0
    lease_owner: str = ""
    lease_expires_at: datetime | None = time()
    last_ping_at: datetime | None = time()


class RunObject(SQLModel, table=True):
    """An object that a dry run lists: `category` says what a sync would do with it."""

    __tablename__ = "run_object"
    __table_args__ = (
        Index("ix_run_object_run_id_category_id", "run_id", "category", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    run_id: int = reference("run.id", "CASCADE")
    category: str
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
