"""What is known to lie in an export storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from labeldock.db.tables import ExportLink
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting.deliveries import load_export


@dataclass(frozen=True, slots=True)
class ExportLinkView:
    """An object that was written, and the annotation or task in it.

    `object_exists` says that it was there at `seen_at`, when we wrote or found it.
    """

    id: int
    key: str
    annotation_id: int | None
    task_id: int | None
    etag: str
    object_exists: bool
    seen_at: datetime | None
    created_at: datetime
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
        load_export(session, principal, storage_id, Permission.VIEW)
        shown = set(ExportLinkView.__slots__)
        return [
            ExportLinkView(**link.model_dump(include=shown))
            for link in session.exec(query)
        ]
