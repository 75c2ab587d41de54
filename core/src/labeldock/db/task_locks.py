"""The table of task locks: who works on a task right now, and for how long still.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from labeldock.db.columns import key_reference
from labeldock.db.types import BigId, UtcDateTime


class TaskLock(SQLModel, table=True):
    """A short lease; of one task several people may have one, if it wants several."""

    __tablename__ = "task_lock"

    task_id: int = key_reference("task.id")
    user_id: int = key_reference("user_account.id", index=True)
    project_id: int = Field(
        sa_column=Column(
            BigId,
            ForeignKey("project.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        )
    )
    expires_at: datetime = Field(sa_type=UtcDateTime, nullable=False)
