"""The table of task locks: who works on a task right now, and for how long still.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from labeldock.db.types import BigId, UtcDateTime


class TaskLock(SQLModel, table=True):
    """A short lease; of one task several people may have one, if it wants several."""

    __tablename__ = "task_lock"

    task_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True
        )
    )
    user_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("user_account.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        )
    )
    project_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("project.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
