"""The table of saved views: how somebody wants to see the tasks of a project.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from labeldock.db.columns import row_id, utc_now
from labeldock.db.types import BigId, Json, UtcDateTime


class SavedView(SQLModel, table=True):
    """A view; `data` is the client's own, its filters and ordering are understood."""

    __tablename__ = "saved_view"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int = row_id()
    project_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("project.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )
    user_id: int | None = Field(
        default=None,
        sa_column=Column(BigId, ForeignKey("user_account.id", ondelete="SET NULL")),
    )
    data: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(Json, nullable=False)
    )
    position: int = 0
    created_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
