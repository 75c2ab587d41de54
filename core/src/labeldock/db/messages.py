"""The tables of messages: notifications that came in, and webhooks that go out.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from labeldock.db.columns import key_reference, reference, row_id, time, time_of_writing
from labeldock.db.tables import metadata
from labeldock.db.types import BigId, BytewiseText, Json

SCHEMA: Final = metadata
"""All tables, these and those of `tables`."""

_WAITING: Final = text("state = 'waiting'")


class EventInlet(SQLModel, table=True):
    """That a storage takes notifications of its bucket, and who may send them.

    Only the token's hash is kept. `confirm_url` is an address that a person has to open
    before a topic begins to send.
    """

    __tablename__ = "event_inlet"

    storage_id: int = key_reference("storage.id")
    token_hash: str
    confirm_url: str | None = None
    created_at: datetime = time_of_writing()
    last_event_at: datetime | None = time()


class InboxEntry(SQLModel, table=True):
    """A key that a notification named, to be looked at by a run of its storage.

    State, not a log: one row per key. `version` counts the notifications, so that one
    which comes while the key is looked at is not lost.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("storage_id", "key"),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    storage_id: int = reference("storage.id", "CASCADE")
    key: str = Field(sa_column=Column(BytewiseText, nullable=False))
    version: int = 1
    created_at: datetime = time_of_writing()


class Webhook(SQLModel, table=True):
    """An address that is told what happens in a project, or (without one) anywhere.

    `ciphertext` holds the secret and the extra headers. `failures` counts those since
    the last success; while `paused_until` lies ahead, nothing is sent.
    """

    __tablename__ = "webhook"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int = row_id()
    project_id: int | None = Field(
        default=None,
        sa_column=Column(
            BigId, ForeignKey("project.id", ondelete="CASCADE"), index=True
        ),
    )
    url: str
    actions: list[str] | None = Field(
        default=None, sa_column=Column(Json, nullable=True)
    )
    send_payload: bool = True
    is_active: bool = True
    key_id: str
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    failures: int = 0
    paused_until: datetime | None = time()
    created_at: datetime = time_of_writing()
    updated_at: datetime = time_of_writing()


class WebhookDelivery(SQLModel, table=True):
    """Something that a webhook has to be told, and what came of it.

    `state` is `waiting`, `delivered` or `failed`. `payload` says what it is about in a
    few numbers; the body is built when it is sent.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_webhook_id_id", "webhook_id", "id"),
        Index(
            "ix_webhook_delivery_waiting",
            "webhook_id",
            "due_at",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        {"sqlite_autoincrement": True},
    )

    id: int = row_id()
    webhook_id: int = reference("webhook.id", "CASCADE")
    project_id: int = Field(sa_column=Column(BigId, nullable=False))
    message_id: str
    action: str
    payload: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(Json, nullable=False)
    )
    state: str = "waiting"
    attempts: int = 0
    due_at: datetime = time_of_writing()
    lease_token: int = 0
    lease_expires_at: datetime | None = time()
    status_code: int | None = None
    reason: str | None = None
    created_at: datetime = time_of_writing()
    finished_at: datetime | None = time()
