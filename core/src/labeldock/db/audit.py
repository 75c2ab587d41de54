"""The table of the audit log: what was done, by whom, from where.

Part of the same schema as `tables`. Nothing here refers to another table: an entry
outlives the user, the token and the project that it tells of.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from labeldock.db.columns import number, row_id, utc_now
from labeldock.db.types import Json, UtcDateTime


class AuditEvent(SQLModel, table=True):
    """One thing that was done, or refused. Rows are never changed, only purged."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_project_id_id", "project_id", "id"),
        Index("ix_audit_event_organization_id_id", "organization_id", "id"),
        Index("ix_audit_event_user_id_id", "user_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    created_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False, index=True
    )
    action: str
    outcome: str = "success"
    user_id: int | None = number()
    user_email: str = ""
    token_id: int | None = number()
    channel: str = ""
    address: str = ""
    target_kind: str = ""
    target_id: str = ""
    organization_id: int | None = number()
    project_id: int | None = number()
    details: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(Json, nullable=False)
    )
    correlation_id: str = ""
