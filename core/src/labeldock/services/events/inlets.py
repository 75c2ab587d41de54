"""Who may send notifications of a storage's bucket: one token per storage."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from labeldock.contract.errors import InvalidInput, NotAuthenticated, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.columns import utc_now
from labeldock.db.messages import EventInlet
from labeldock.db.tables import Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.events.inbox import count_entries

PATH: Final = "/api/events/"
_TOKEN_BYTES: Final = 32
_NOBODY: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class InletView:
    """Whether a storage takes notifications, and how it goes."""

    storage_id: int
    is_open: bool
    waiting: int
    confirm_url: str | None
    created_at: datetime | None
    last_event_at: datetime | None


def open_inlet(app: AppContext, principal: Principal, storage_id: int) -> str:
    """Let a storage take notifications, with a new token; an earlier one ends.

    Raises:
        InvalidInput: it is no import storage.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with app.database.write() as session:
        storage = _load(session, principal, storage_id, Permission.MANAGE)
        if storage.purpose != Purpose.IMPORT:
            raise InvalidInput(
                "Only import storages take notifications of their bucket.",
                field="storage",
            )
        inlet = session.get(EventInlet, storage_id)
        if inlet is None:
            inlet = EventInlet(storage_id=storage_id, token_hash="")
            session.add(inlet)
        inlet.token_hash = _hash(token)
        inlet.created_at = utc_now()
        inlet.confirm_url = None
    return token


def close_inlet(app: AppContext, principal: Principal, storage_id: int) -> None:
    """Take no more notifications; what waits is looked at still."""
    with app.database.write() as session:
        _load(session, principal, storage_id, Permission.MANAGE)
        inlet = session.get(EventInlet, storage_id)
        if inlet is not None:
            session.delete(inlet)


def show_inlet(app: AppContext, principal: Principal, storage_id: int) -> InletView:
    """Whether a storage takes notifications; the token is not among what is shown."""
    with app.database.read() as session:
        _load(session, principal, storage_id, Permission.MANAGE)
        inlet = session.get(EventInlet, storage_id)
        return InletView(
            storage_id=storage_id,
            is_open=inlet is not None,
            waiting=count_entries(session, storage_id),
            confirm_url=inlet.confirm_url if inlet else None,
            created_at=inlet.created_at if inlet else None,
            last_event_at=inlet.last_event_at if inlet else None,
        )


def authenticate_sender(app: AppContext, storage_id: int, token: str) -> None:
    """Check that somebody may send notifications of a storage.

    Raises:
        NotAuthenticated: the token is not the storage's; told in the same words, and
            after the same work, whether there is such a storage or not.
    """
    with app.database.read() as session:
        inlet = session.get(EventInlet, storage_id)
        expected = inlet.token_hash if inlet else _NOBODY
    is_same = hmac.compare_digest(_hash(token), expected)
    if not (is_same and inlet and token):
        raise NotAuthenticated("This is not a token of this storage.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _load(
    session: Session, principal: Principal, storage_id: int, permission: Permission
) -> Storage:
    storage = session.get(Storage, storage_id)
    missing = NotFound(f"There is no storage {storage_id}.", field="storage")
    if storage is None:
        raise missing
    project_id = storage.project_id
    access.require(session, principal, project_id, permission, hidden=missing)
    return storage
