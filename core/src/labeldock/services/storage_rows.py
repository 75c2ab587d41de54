"""The rows of storages, inside a scope: found for somebody, and locked."""

from __future__ import annotations

from sqlmodel import Session, select

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal


def load_row(
    session: Session,
    principal: Principal,
    storage_id: int,
    purpose: Purpose,
    permission: Permission,
) -> Storage:
    """A storage, for somebody who may do this with it.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    storage = session.get(Storage, storage_id)
    kind = purpose.value
    missing = NotFound(f"There is no {kind} storage {storage_id}.", field="storage")
    if storage is None or storage.purpose != purpose:
        raise missing
    project_id = storage.project_id
    access.require(session, principal, project_id, permission, hidden=missing)
    return storage


def lock_row(session: Session, storage_id: int) -> None:
    """Keep others from changing a storage until the transaction ends."""
    query = select(Storage.id).where(Storage.id == storage_id)
    session.exec(query.with_for_update(key_share=True)).first()
