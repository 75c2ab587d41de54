"""The tables of backups: requests, plans, and the files that are kept.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.tables import utc_now
from labeldock.db.types import BigId, BytewiseText, Json, UtcDateTime


def _id() -> Any:  # SQLModel types every Field as Any
    return Field(default=None, sa_column=Column(BigId, primary_key=True))


def _reference(target: str, ondelete: str, *, index: bool = False) -> Any:
    key = ForeignKey(target, ondelete=ondelete)
    is_optional = ondelete == "SET NULL"
    column = Column(BigId, key, nullable=is_optional, index=index)
    return Field(default=None if is_optional else ..., sa_column=column)


def _time(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=True, index=index)


def _now() -> Any:
    return Field(default_factory=utc_now, sa_type=UtcDateTime, nullable=False)


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

    id: int = _id()
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    kind: str
    is_ready: bool = False
    is_bound: bool = False
    project_id: int | None = _reference("project.id", "SET NULL")
    user_id: int | None = _reference("user_account.id", "SET NULL", index=True)
    run_id: int | None = _reference("run.id", "SET NULL", index=True)
    name: str = ""
    content_type: str = ""
    etag: str = ""
    size: int = Field(default=0, sa_type=BigId)
    created_at: datetime = _now()
    expires_at: datetime | None = _time(index=True)


class BackgroundRequest(SQLModel, table=True):
    """What somebody asked for in the background, as the API shows it.

    The work is its run. `rq_id` says what was asked for, and whoever asks for the same
    again takes the row over. `result_key` is the key in a bucket, if it went there.
    """

    __tablename__ = "background_request"
    __table_args__ = (UniqueConstraint("rq_id"), {"sqlite_autoincrement": True})

    id: int = _id()
    rq_id: str
    run_id: int = _reference("run.id", "CASCADE", index=True)
    project_id: int | None = _reference("project.id", "SET NULL", index=True)
    user_id: int | None = _reference("user_account.id", "SET NULL", index=True)
    action: str
    target: str
    target_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
    lightweight: bool | None = None
    filename: str = ""
    location: str = "local"
    storage_id: int | None = _reference("storage.id", "SET NULL")
    result_key: str = ""
    result_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
    file_id: int | None = _reference("stored_file.id", "SET NULL")
    is_scheduled: bool = False
    message: str = ""
    created_at: datetime = _now()
    expires_at: datetime | None = _time()


class BackupPlan(SQLModel, table=True):
    """When a project is backed up by itself, where to, and how many are kept."""

    __tablename__ = "backup_plan"

    project_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
        )
    )
    schedule: str
    is_active: bool = True
    lightweight: bool = False
    location: str = "local"
    storage_id: int | None = _reference("storage.id", "SET NULL")
    filename: str = ""
    keep_count: int | None = None
    keep_days: int | None = None
    next_run_at: datetime | None = _time(index=True)
    updated_by_id: int | None = _reference("user_account.id", "SET NULL")
    problem: dict[str, Any] | None = Field(
        default=None, sa_column=Column(Json, nullable=True)
    )
    updated_at: datetime = _now()
