"""Files that were uploaded to a project: listed, and removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import NotFound
from labeldock.db.archives import StoredFile
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import remove_file

_KIND: Final = "upload"


@dataclass(frozen=True, slots=True)
class UploadView:
    """A file as it is listed."""

    id: int
    project_id: int
    name: str
    size: int
    created_at: datetime


def list_uploads(
    app: AppContext, principal: Principal, project_id: int
) -> list[UploadView]:
    """The files that were uploaded to a project, oldest first.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        query = _select().where(StoredFile.project_id == project_id)
        return [_view(row) for row in session.exec(query.order_by(col(StoredFile.id)))]


def get_upload(app: AppContext, principal: Principal, upload_id: int) -> UploadView:
    """One of them.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        return _load(session, principal, upload_id, Permission.VIEW)


def remove_uploads(
    app: AppContext, principal: Principal, project_id: int, ids: list[int] | None
) -> int:
    """Remove files of a project, all of them for None; how many there were.

    Raises:
        NotFound, NotAllowed: as they say.
        StorageError: a file cannot be removed now.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        query = _select().where(StoredFile.project_id == project_id)
        if ids is not None:
            query = query.where(col(StoredFile.id).in_(ids))
        found = [row.id for row in session.exec(query)]
    for upload_id in found:
        remove_file(app, upload_id)
    return len(found)


def remove_upload(app: AppContext, principal: Principal, upload_id: int) -> None:
    """Remove one of them.

    Raises:
        NotFound, NotAllowed: as they say.
        StorageError: it cannot be removed now.
    """
    with app.database.read() as session:
        _load(session, principal, upload_id, Permission.MANAGE)
    remove_file(app, upload_id)


def _select() -> Any:  # a select of StoredFile
    return select(StoredFile).where(
        StoredFile.kind == _KIND,
        col(StoredFile.is_ready),
        col(StoredFile.project_id).is_not(None),
    )


def _load(
    session: Session, principal: Principal, upload_id: int, permission: Permission
) -> UploadView:
    missing = NotFound(f"File upload {upload_id} does not exist.", field="file_upload")
    row = session.exec(_select().where(StoredFile.id == upload_id)).first()
    if row is None:
        raise missing
    access.require(session, principal, row.project_id, permission, hidden=missing)
    return _view(row)


def _view(row: StoredFile) -> UploadView:
    return UploadView(row.id, row.project_id or 0, row.name, row.size, row.created_at)
