"""The tables of slots: places of a project where media of one origin belong.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.columns import reference, row_id, time_of_writing
from labeldock.db.tables import NO_ROW
from labeldock.db.types import BigId, BytewiseText, Json, UtcDateTime


class Slot(SQLModel, table=True):
    """Where references of one origin belong, whether it can be reached or not.

    The origin is what URIs in task data begin with, `base_uri` and then `prefix`. It is
    connected while it has a storage, in which keys begin with `mapped_prefix` instead;
    kept if its media lie in persistent storage; detached otherwise. `options` are the
    plain settings of the storage that it was made from, for people to read.
    """

    __tablename__ = "slot"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    project_id: int = reference("project.id", "CASCADE")
    name: str
    provider: str
    base_uri: str
    prefix: str = ""
    options: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(Json, nullable=False)
    )
    storage_id: int | None = reference(
        "storage.id", "SET NULL", index=True, optional=True
    )
    mapped_prefix: str = ""
    is_kept: bool = False
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


class Reference(SQLModel, table=True):
    """The object that a task was made from, while no storage has a link for it.

    Without a task it is one that is to stay away (`state` is `kept_away`).
    """

    __tablename__ = "slot_reference"
    __table_args__ = (
        UniqueConstraint("slot_id", "key", "row_group", "row_index"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    slot_id: int = reference("slot.id", "CASCADE")
    task_id: int | None = reference("task.id", "CASCADE", index=True, optional=True)
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    row_group: int = NO_ROW
    row_index: int = NO_ROW
    state: str = "linked"
    etag: str = ""
    size: int = Field(default=0, sa_type=BigId)
    last_modified: datetime | None = Field(
        default=None, sa_type=UtcDateTime, nullable=True
    )
