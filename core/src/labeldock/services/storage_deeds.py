"""What the audit log is told of storages: added, changed, removed, and secrets set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import Session

from labeldock.contract.options import secret_fields
from labeldock.db.tables import Storage
from labeldock.services import auditing
from labeldock.services.access import Principal
from labeldock.services.auditing import Action, Deed
from labeldock.services.storage_changes import Change


def note_added(
    session: Session, principal: Principal, storage: Storage, secrets: Iterable[str]
) -> None:
    """A storage was connected, with these secret fields."""
    _note(session, principal, storage, Action.STORAGE_CREATED)
    _note_secrets(session, principal, storage, secrets)


def note_changed(
    session: Session, principal: Principal, storage: Storage, change: Change
) -> None:
    """A storage was changed; what was given is named, not what it was set to."""
    hidden = set(secret_fields(type(change.options))) & change.given
    _note(session, principal, storage, Action.STORAGE_CHANGED, change.given - hidden)
    _note_secrets(session, principal, storage, hidden)


def note_removed(session: Session, principal: Principal, storage: Storage) -> None:
    """A storage was disconnected."""
    _note(session, principal, storage, Action.STORAGE_DELETED)


def _note_secrets(
    session: Session, principal: Principal, storage: Storage, names: Iterable[str]
) -> None:
    if chosen := sorted(names):
        _note(session, principal, storage, Action.SECRET_SET, chosen)


def _note(
    session: Session,
    principal: Principal,
    storage: Storage,
    action: Action,
    fields: Iterable[str] = (),
) -> None:
    details: dict[str, Any] = {
        "title": storage.title,
        "provider": storage.provider,
        "purpose": storage.purpose,
        "base_uri": storage.base_uri,
    }
    if names := sorted(fields):
        details["fields"] = names
    deed = Deed(
        action, "storage", storage.id, project_id=storage.project_id, details=details
    )
    auditing.record(session, principal, deed)
