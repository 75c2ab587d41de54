"""Asking for a backup, by people, commands and plans."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.archives import BackgroundRequest
from labeldock.db.columns import utc_now
from labeldock.db.tables import Run, Storage, Task
from labeldock.db.types import database_now
from labeldock.services import access, auditing, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.backups.jobs import BackupJob
from labeldock.services.backups.links import load_origins
from labeldock.services.backups.naming import (
    check_filename,
    name_archive,
    render_request_id,
)
from labeldock.services.backups.places import Places, load_places
from labeldock.services.backups.requests import (
    RequestView,
    get_request,
    note_request,
    project_title,
    refuse_active,
)
from labeldock.services.backups.scope import Chosen, iterate_pages
from labeldock.services.context import AppContext
from labeldock.services.resolving.storages import Origin

MOST_TASKS: Final = 100_000
"""The largest selection; more is a project."""
FULL_INSTEAD: Final = (
    "No media are in a cloud storage, so there is nothing to leave out: this is a full "
    "backup."
)


@dataclass(frozen=True, slots=True)
class BackupAsk:
    """What somebody wants.

    Attributes:
        project_id: the project.
        task_ids: only these tasks, None for all.
        task_id: this one task, which is what the request is about then.
        lightweight: leave media where they are; see `kinds.read_lightweight`.
        filename: what to call the archive, "" for a name of ours.
        prefix: what a name of ours begins with.
        location: `local` or `cloud_storage`, None for `local`.
        storage_id: the export storage that it goes to, with `cloud_storage`.
    """

    project_id: int
    lightweight: bool
    task_ids: Sequence[int] | None = None
    task_id: int | None = None
    filename: str = ""
    location: str | None = None
    storage_id: int | None = None
    prefix: str = ""

    @property
    def target(self) -> str:
        """What the request is about."""
        return "project" if self.task_id is None else "task"

    @property
    def chosen(self) -> Chosen:
        """The tasks."""
        if self.task_id is not None:
            return Chosen(self.project_id, (self.task_id,), "task")
        if self.task_ids is not None:
            return Chosen(self.project_id, tuple(self.task_ids), "selection")
        return Chosen(self.project_id)


def request_task_backup(
    app: AppContext, principal: Principal, task_id: int, ask: BackupAsk
) -> RequestView:
    """Ask for a backup of one task; the project of `ask` does not count.

    Raises:
        NotFound, NotAllowed, InvalidInput, AlreadyRequested: see `request_backup`.
    """
    with app.database.read() as session:
        task = session.get(Task, task_id)
        if task is None:
            raise NotFound(f"Task {task_id} does not exist.", field="task")
        project_id = task.project_id
    mine = BackupAsk(
        project_id,
        ask.lightweight,
        task_id=task_id,
        filename=ask.filename,
        location=ask.location,
        storage_id=ask.storage_id,
    )
    return request_backup(app, principal, mine)


def request_backup(
    app: AppContext, principal: Principal, ask: BackupAsk
) -> RequestView:
    """Ask for a backup; a worker makes it.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: the tasks, the place or the name cannot be used.
        AlreadyRequested: the same is being made.
    """
    with app.database.write() as session:
        access.require(session, principal, ask.project_id, Permission.MANAGE)
        _check_tasks(session, ask)
        check_place(session, principal, ask)
        rq_id = add_request(app, session, ask, user_id=principal.user_id)
        auditing.record(
            session,
            principal,
            auditing.Deed(
                auditing.Action.BACKUP_CREATED,
                ask.target,
                ask.task_id or ask.project_id,
                project_id=ask.project_id,
                details={"lightweight": ask.lightweight},
            ),
        )
    view = get_request(app, principal, rq_id)
    app.bell.ring_run(view.run_id, runs.BACKUP)
    return view


def add_request(
    app: AppContext,
    session: Session,
    ask: BackupAsk,
    *,
    user_id: int | None,
    schedule: str = "",
) -> str:
    """Write a run and its request down; the id of the request.

    Args:
        app: the parts.
        session: to write with.
        ask: what is wanted, checked already.
        user_id: who wants it, None for a plan.
        schedule: tells the requests of a plan from one another.

    Raises:
        AlreadyRequested: the same is being made.
    """
    places = load_places(app, session, ask.project_id)
    lightweight = ask.lightweight and _would_change(session, places, ask)
    rq_id = _render_id(ask, user_id, schedule, lightweight=lightweight)
    refuse_active(session, rq_id)
    filename = _choose_name(session, ask, lightweight=lightweight)
    storage_id = ask.storage_id if ask.location == "cloud_storage" else None
    job = BackupJob(ask.chosen, lightweight, filename, storage_id, bool(schedule))
    run = Run(
        project_id=ask.project_id,
        kind=runs.BACKUP,
        trigger="schedule" if schedule else "manual",
        requested_by_id=user_id,
        options=job.dump(),
    )
    run.due_at = database_now()  # type: ignore[assignment]
    session.add(run)
    session.flush()
    note_request(
        session,
        BackgroundRequest(
            rq_id=rq_id,
            run_id=run.id,
            project_id=ask.project_id,
            user_id=user_id,
            action="export",
            target=ask.target,
            target_id=ask.task_id or ask.project_id,
            lightweight=lightweight,
            filename=filename,
            location="local" if storage_id is None else "cloud_storage",
            storage_id=storage_id,
            is_scheduled=bool(schedule),
            message=FULL_INSTEAD if ask.lightweight and not lightweight else "",
        ),
    )
    return rq_id


def find_kinds(app: AppContext, principal: Principal, ask: BackupAsk) -> bool:
    """Whether a lightweight backup would differ from a full one.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, ask.project_id, Permission.MANAGE)
        places = load_places(app, session, ask.project_id)
        return _would_change(session, places, ask)


def _would_change(session: Session, places: Places, ask: BackupAsk) -> bool:
    """Whether any of the chosen tasks has media that would be left out.

    Of a whole project, that it has a place for such media is enough to say so.
    """
    if not places.has_references or ask.chosen.scope == "project":
        return places.has_references
    connection = session.connection()
    for page in iterate_pages(connection, ask.chosen):
        origins = load_origins(connection, page)
        if origins:
            return True
        rows = connection.execute(
            select(col(Task.id), col(Task.data)).where(page.condition)
        )
        for task_id, data in rows:
            found = places.find_objects(
                data if isinstance(data, dict | list) else [data],
                origins.get(task_id, Origin(None, None)),
            )
            if any(not each.located.source.is_kept for each in found):
                return True
    return False


def _render_id(
    ask: BackupAsk, user_id: int | None, schedule: str, *, lightweight: bool
) -> str:
    more = {"schedule": schedule} if schedule else {}
    if ask.task_ids is not None:
        numbers = ",".join(map(str, sorted(set(ask.task_ids))))
        more["tasks"] = hashlib.sha256(numbers.encode()).hexdigest()[:16]
    return render_request_id(
        target=ask.target,
        target_id=ask.task_id or ask.project_id,
        user_id=user_id,
        lightweight=lightweight,
        **more,
    )


def _choose_name(session: Session, ask: BackupAsk, *, lightweight: bool) -> str:
    is_key = ask.location == "cloud_storage"
    if ask.filename:
        return check_filename(ask.filename, is_key=is_key)
    infix = f"_{ask.task_id}" if ask.task_id else ""
    title = project_title(session, ask.project_id)
    return ask.prefix + name_archive(
        ask.target, title, lightweight=lightweight, now=utc_now(), infix=infix
    )


def _check_tasks(session: Session, ask: BackupAsk) -> None:
    if ask.task_ids is None:
        return
    if not 0 < len(ask.task_ids) <= MOST_TASKS:
        raise InvalidInput(
            f"Give 1 to {MOST_TASKS:,} tasks.",
            field="tasks",
            remedy="Leave it out for a backup of the whole project.",
        )
    ids = sorted(set(ask.task_ids))
    for first in range(0, len(ids), 500):
        part = ids[first : first + 500]
        query = select(Task.id).where(
            Task.project_id == ask.project_id, col(Task.id).in_(part)
        )
        found = set(session.exec(query))
        missing = [task_id for task_id in part if task_id not in found]
        if missing:
            raise InvalidInput(
                f"Task {missing[0]} is not in project {ask.project_id}.", field="tasks"
            )


def check_place(session: Session, principal: Principal, ask: BackupAsk) -> None:
    """Check that an archive can go where somebody wants it.

    Raises:
        InvalidInput: there is no such place.
        NotAllowed: the storage is of a project that they do not manage.
    """
    if ask.location not in {None, "local", "cloud_storage"}:
        raise InvalidInput(
            "There is no such place.",
            field="location",
            remedy="Give local or cloud_storage.",
        )
    if ask.location != "cloud_storage":
        if ask.storage_id is not None:
            raise InvalidInput(
                "A storage is named, but not that it is to be used.",
                field="location",
                remedy="Give location=cloud_storage as well.",
            )
        return
    if ask.storage_id is None:
        raise InvalidInput(
            "No storage is named.",
            field="cloud_storage_id",
            remedy="Give the number of an export storage.",
        )
    storage = session.get(Storage, ask.storage_id)
    if storage is None or storage.purpose != Purpose.EXPORT:
        raise InvalidInput(
            f"There is no export storage {ask.storage_id}.",
            field="cloud_storage_id",
            remedy="Give the number of an export storage.",
        )
    access.require(session, principal, storage.project_id, Permission.MANAGE)
