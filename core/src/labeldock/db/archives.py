"""The tables of backups: requests, plans, and the files that are kept.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.columns import key_reference, reference, row_id, time, time_of_writing
from labeldock.db.types import BigId, BytewiseText, Json


class StoredFile(SQLModel, table=True):
    """A file in the persistent storage, or one that is about to be written there.

    `kind` is `upload`, `avatar`, `archive`, `export` or `incoming`; `key` is where it
    lies. The row is written before the file, so that whatever dies in between leaves
    nothing that nobody knows of. A file whose project is gone, whose time is over or
    that was not finished is removed by housekeeping, the row after it.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_stored_file_project_id_kind", "project_id", "kind"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    kind: str
    is_ready: bool = False
    is_bound: bool = False
    project_id: int | None = reference("project.id", "SET NULL", optional=True)
    user_id: int | None = reference(
        "user_account.id", "SET NULL", index=True, optional=True
    )
    run_id: int | None = reference("run.id", "SET NULL", index=True, optional=True)
    name: str = ""
    content_type: str = ""
    etag: str = ""
    size: int = Field(default=0, sa_type=BigId)
    created_at: datetime = time_of_writing()
    expires_at: datetime | None = time(index=True)


class BackgroundRequest(SQLModel, table=True):
    """What somebody asked for in the background, as the API shows it.

    The work is its run. `rq_id` says what was asked for, and whoever asks for the same
    again takes the row over. `result_key` is the key in a bucket, if it went there.
    """

    __tablename__ = "background_request"
    __table_args__ = (UniqueConstraint("rq_id"), {"sqlite_autoincrement": True})

    id: int = row_id()
    rq_id: str
    run_id: int = reference("run.id", "CASCADE", index=True)
    project_id: int | None = reference(
        "project.id", "SET NULL", index=True, optional=True
    )
    user_id: int | None = reference(
        "user_account.id", "SET NULL", index=True, optional=True
    )
    action: str
    target: str
    target_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
    lightweight: bool | None = None
    filename: str = ""
    location: str = "local"
    storage_id: int | None = reference("storage.id", "SET NULL", optional=True)
    result_key: str = ""
    result_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
    file_id: int | None = reference("stored_file.id", "SET NULL", optional=True)
    is_scheduled: bool = False
    message: str = ""
    created_at: datetime = time_of_writing()
    expires_at: datetime | None = time()


class BackupPlan(SQLModel, table=True):
    """When a project is backed up by itself, where to, and how many are kept."""

    __tablename__ = "backup_plan"

    project_id: int = key_reference("project.id")
    schedule: str
    is_active: bool = True
    lightweight: bool = False
    location: str = "local"
    storage_id: int | None = reference("storage.id", "SET NULL", optional=True)
    filename: str = ""
    keep_count: int | None = None
    keep_days: int | None = None
    next_run_at: datetime | None = time(index=True)
    updated_by_id: int | None = reference("user_account.id", "SET NULL", optional=True)
    problem: dict[str, Any] | None = Field(
        default=None, sa_column=Column(Json, nullable=True)
    )
    updated_at: datetime = time_of_writing()
