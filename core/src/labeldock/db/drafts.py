"""The table of drafts: what somebody has begun to say about a task.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from labeldock.db.columns import reference, row_id, utc_now
from labeldock.db.types import Json, UtcDateTime


class Draft(SQLModel, table=True):
    """Of a new annotation, or of a change of one. It is its author's alone."""

    __tablename__ = "draft"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int = row_id()
    task_id: int = reference("task.id", "CASCADE", index=True)
    annotation_id: int | None = reference(
        "annotation.id", "CASCADE", index=True, optional=True
    )
    user_id: int = reference("user_account.id", "CASCADE", index=True)
    result: Any = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    lead_time: float | None = None
    was_postponed: bool = False
    created_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
    updated_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
