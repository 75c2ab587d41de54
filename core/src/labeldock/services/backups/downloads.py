"""Taking an archive home: who may, and where it lies."""

from __future__ import annotations

from sqlmodel import Session

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.db.archives import StoredFile
from labeldock.db.tables import Task
from labeldock.services import access, auditing
from labeldock.services.access import Permission, Principal
from labeldock.services.backups.requests import (
    STATUSES,
    is_available,
    load_request,
)
from labeldock.services.context import AppContext
from labeldock.services.persistent.store import open_store
from labeldock.services.resolving.content import render_disposition
from labeldock.services.resolving.media import Stream

_ZIP = "application/zip"


def open_archive(
    app: AppContext, principal: Principal, rq_id: str, *, target: str, target_id: int
) -> Stream:
    """The archive of a request that is about this project or task.

    Raises:
        InvalidInput: it has not ended well, or its archive lies in a bucket.
        NotAllowed: they do not manage the project.
        NotFound: there is no such request, or its archive is not kept any more.
    """
    with app.database.read() as session:
        _require(session, principal, target, target_id)
        request, run = load_request(session, principal, rq_id)
        if (request.target, request.target_id) != (target, target_id):
            raise NotFound("There is no such request.", field="rq_id")
        if STATUSES[run.state] != "finished" or request.action != "export":
            raise InvalidInput(
                "The backup is not finished.",
                field="rq_id",
                remedy="Ask for the request until its status is finished.",
            )
        if request.location != "local":
            raise InvalidInput(
                "The archive was written to a cloud storage.",
                field="rq_id",
                remedy="Take it from there, or ask for a backup with location=local.",
            )
        file = session.get(StoredFile, request.file_id) if request.file_id else None
        if file is None or not is_available(file):
            raise NotFound(
                "The archive is not kept any more.",
                field="rq_id",
                remedy="Ask for a backup again.",
            )
        key, filename = file.key, request.filename
    return Stream(
        connection=open_store(app),
        storage_id=None,
        key=key,
        viewer=f"archive:{principal.user_id}",
        user_id=principal.user_id,
        content_type=_ZIP,
        disposition=render_disposition(filename, _ZIP),
        is_download=True,
    )


def _require(
    session: Session, principal: Principal, target: str, target_id: int
) -> None:
    """Check who asks before anything is told; a task may be gone by now."""
    project_id: int | None = target_id
    if target == "task":
        task = session.get(Task, target_id)
        project_id = task.project_id if task else None
    if project_id is not None:
        access.require(session, principal, project_id, Permission.MANAGE)


def note_download(app: AppContext, principal: Principal, rq_id: str) -> None:
    """Have the audit log say that an archive was downloaded, and of which project.

    Raises:
        NotFound: there is no such request.
    """
    with app.database.read() as session:
        request, _ = load_request(session, principal, rq_id)
        project_id = request.project_id
    deed = auditing.Deed(
        auditing.Action.BACKUP_DOWNLOADED, "request", rq_id, project_id=project_id
    )
    auditing.record_alone(app, principal, deed)
