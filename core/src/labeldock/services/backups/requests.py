"""What somebody asked for in the background: seen, listed, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, or_, select

from labeldock.contract.errors import Conflict, NotAllowed, NotFound
from labeldock.db.archives import BackgroundRequest, StoredFile
from labeldock.db.columns import utc_now
from labeldock.db.tables import ACTIVE_RUN_STATES, Project, Run
from labeldock.services import access, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import expire_file

STATUSES: Final = {
    "queued": "queued",
    "lost": "queued",
    "in_progress": "started",
    "completed": "finished",
    "completed_with_errors": "finished",
    "failed": "failed",
    "cancelled": "failed",
}
"""What a request shows for the state of its run."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as it is shown.

    Attributes:
        id: what it is called, from what was asked for.
        action: `export` for a backup, `import` for a restore.
        target: `project` or `task`.
        status: `queued`, `started`, `finished` or `failed`.
        progress: from 0 to 1, None while nothing is known.
        has_file: whether there is an archive to download.
    """

    id: str
    run_id: int
    action: str
    target: str
    target_id: int | None
    project_id: int | None
    lightweight: bool | None
    status: str
    progress: float | None
    message: str
    filename: str
    location: str
    storage_id: int | None
    result_key: str
    result_id: int | None
    has_file: bool
    size: int | None
    is_scheduled: bool
    owner_id: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None


class AlreadyRequested(Conflict):
    """The same is being done already; `rq_id` in the context says under which id."""

    code = "already_requested"


def note_request(session: Session, request: BackgroundRequest) -> BackgroundRequest:
    """Write a request down, in place of one with the same id that has ended.

    Raises:
        AlreadyRequested: that one is being worked on.
    """
    query = select(BackgroundRequest).where(BackgroundRequest.rq_id == request.rq_id)
    former = session.exec(query.with_for_update()).first()
    if former is not None:
        _refuse_active(session, former)
        if former.file_id is not None:
            expire_file(session, former.file_id)
        session.delete(former)
        session.flush()
    session.add(request)
    session.flush()
    return request


def refuse_active(session: Session, rq_id: str) -> None:
    """Refuse a request that is being worked on.

    Raises:
        AlreadyRequested: it is.
    """
    query = select(BackgroundRequest).where(BackgroundRequest.rq_id == rq_id)
    former = session.exec(query).first()
    if former is not None:
        _refuse_active(session, former)


def _refuse_active(session: Session, former: BackgroundRequest) -> None:
    run = session.get(Run, former.run_id)
    if run is not None and run.state in ACTIVE_RUN_STATES:
        raise AlreadyRequested(
            "The same is being done already.",
            remedy="Wait for it, or cancel it.",
            rq_id=former.rq_id,
        )


def get_request(app: AppContext, principal: Principal, rq_id: str) -> RequestView:
    """One request.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    with app.database.read() as session:
        return _view(session, *load_request(session, principal, rq_id))


def list_requests(
    app: AppContext,
    principal: Principal,
    *,
    project_id: int | None = None,
    limit: int = 100,
) -> list[RequestView]:
    """What somebody asked for, newest first; of a project, what anybody did.

    Raises:
        NotFound, NotAllowed: as they say, about the project.
    """
    query = select(BackgroundRequest, Run).join(
        Run, col(Run.id) == col(BackgroundRequest.run_id)
    )
    with app.database.read() as session:
        if project_id is None:
            query = query.where(BackgroundRequest.user_id == principal.user_id)
        else:
            access.require(session, principal, project_id, Permission.MANAGE)
            query = query.where(BackgroundRequest.project_id == project_id)
        query = query.where(
            or_(
                col(BackgroundRequest.expires_at).is_(None),
                col(BackgroundRequest.expires_at) > utc_now(),
            )
        )
        found = session.exec(
            query.order_by(col(BackgroundRequest.id).desc())
        ).fetchmany(limit)
        return [
            _view(session, *pair)
            for pair in found
            if _may_see(session, principal, *pair)
        ]


def cancel_request(app: AppContext, principal: Principal, rq_id: str) -> RequestView:
    """Stop what was asked for; when this returns, nothing more is written.

    Raises:
        NotFound: there is no such request.
        Conflict: it has ended already.
    """
    with app.database.read() as session:
        run_id = load_request(session, principal, rq_id)[1].id
    runs.cancel_run(app, principal, run_id)
    return get_request(app, principal, rq_id)


def load_run_id(session: Session, rq_id: str) -> int:
    """The run of a request that was just written down."""
    query = select(BackgroundRequest.run_id).where(BackgroundRequest.rq_id == rq_id)
    return session.exec(query).one()


def load_request(
    session: Session, principal: Principal, rq_id: str
) -> tuple[BackgroundRequest, Run]:
    """The rows of a request that somebody may see.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    query = select(BackgroundRequest).where(BackgroundRequest.rq_id == rq_id)
    request = session.exec(query).first()
    run = session.get(Run, request.run_id) if request else None
    if request is None or run is None or not _may_see(session, principal, request, run):
        raise NotFound("There is no such request.", field="rq_id")
    return request, run


def _may_see(
    session: Session, principal: Principal, request: BackgroundRequest, run: Run
) -> bool:
    """Whoever asked, as long as they may; and for a project, whoever manages it."""
    if run.kind == runs.RESTORE or request.project_id is None:
        return principal.is_admin or request.user_id == principal.user_id
    try:
        access.require(session, principal, request.project_id, Permission.MANAGE)
    except (NotAllowed, NotFound):
        return False
    return True


def _view(session: Session, request: BackgroundRequest, run: Run) -> RequestView:
    file = session.get(StoredFile, request.file_id) if request.file_id else None
    has_file = file is not None and is_available(file)
    return RequestView(
        id=request.rq_id,
        run_id=run.id,
        action=request.action,
        target=request.target,
        target_id=request.target_id,
        project_id=request.project_id,
        lightweight=request.lightweight,
        status=STATUSES[run.state],
        progress=_measure(run),
        message=_tell(request, run),
        filename=request.filename,
        location=request.location,
        storage_id=request.storage_id,
        result_key=request.result_key,
        result_id=request.result_id,
        has_file=has_file,
        size=file.size if file and has_file else None,
        is_scheduled=request.is_scheduled,
        owner_id=request.user_id,
        created_at=request.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        expires_at=request.expires_at,
    )


def is_available(file: StoredFile) -> bool:
    """Whether a file is there and may still be downloaded."""
    return file.is_ready and (file.expires_at is None or file.expires_at > utc_now())


def _measure(run: Run) -> float | None:
    if STATUSES[run.state] == "finished":
        return 1.0
    total = run.counts.get("total", 0)
    return min(run.counts.get("done", 0) / total, 1.0) if total else None


def _tell(request: BackgroundRequest, run: Run) -> str:
    if run.state == "cancelled":
        return f"Cancelled by {run.cancelled_by}."
    problem: dict[str, Any] = run.problem or {}
    if run.state == "failed" or problem:
        parts: Sequence[str | None] = (problem.get("message"), problem.get("remedy"))
        return " ".join(part for part in parts if part)
    return request.message


def project_title(session: Session, project_id: int) -> str:
    """What a project is called, for names of archives."""
    return session.get_one(Project, project_id).title
