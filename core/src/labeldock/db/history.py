"""Tables of what was, as pages show it: bounded series, and workers seen lately.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from labeldock.db.columns import key_reference, utc_now
from labeldock.db.types import UtcDateTime


class ProjectPoint(SQLModel, table=True):
    """What the counters of a project were at a time; older points lie less densely."""

    __tablename__ = "project_point"

    project_id: int = key_reference("project.id")
    at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    tasks: int
    finished: int
    annotations: int


class WorkerSign(SQLModel, table=True):
    """The last sign of life of a worker; removed when there was none for long."""

    __tablename__ = "worker_sign"

    name: str = Field(primary_key=True)
    version: str
    threads: int
    started_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
