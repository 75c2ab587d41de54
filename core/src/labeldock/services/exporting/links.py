"""What is known to lie in an export storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import ExportLink, Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class ExportLinkView:
    """An object that was written, and the annotation or task in it."""

    id: int
    key: str
    annotation_id: int | None
    task_id: int | None
    etag: str
    updated_at: datetime


def list_export_links(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[ExportLinkView]:
    """The objects in an export storage, oldest first; `after` is the last id seen.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    query = (
        select(ExportLink)
        .where(ExportLink.storage_id == storage_id, col(ExportLink.id) > after)
        .order_by(col(ExportLink.id))
        .limit(limit)
    )
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None or storage.purpose != Purpose.EXPORT:
            raise NotFound(f"There is no export storage {storage_id}.", field="storage")
        access.require(session, principal, storage.project_id, Permission.VIEW)
        shown = set(ExportLinkView.__slots__)
        return [
            ExportLinkView(**link.model_dump(include=shown))
            for link in session.exec(query)
        ]
