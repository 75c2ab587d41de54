"""The project that a restore makes: hidden until it is whole, or removed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from sqlmodel import Session, col, delete, func, select

from labeldock.db.archives import BackgroundRequest, StoredFile
from labeldock.db.columns import utc_now
from labeldock.db.slots import Slot
from labeldock.db.tables import (
    ACTIVE_RUN_STATES,
    Annotation,
    Membership,
    Project,
    Run,
    Task,
)
from labeldock.services import auditing
from labeldock.services.access import Principal, Role
from labeldock.services.backups.format import StorageRecord
from labeldock.services.context import AppContext
from labeldock.services.counters import recount_tasks
from labeldock.services.persistent.files import NewFile, reserve_file
from labeldock.services.quotas import Limit, require_room
from labeldock.services.restoring.checking import Checked
from labeldock.services.slots.kept import kept_folder

_log = structlog.get_logger(__name__)
MEDIA_KIND = "media"


@dataclass(slots=True)
class State:
    """How far a restore is: its run's checkpoint.

    Attributes:
        project_id: the project that is being made; 0 before it is.
        slots: numbers of its slots by name.
        tasks: how many tasks are in.
        is_referred: whether the references without a task are in.
        media: how many lines of media are done.
        uploads: how many uploaded files are in.
    """

    project_id: int = 0
    slots: dict[str, int] = field(default_factory=dict)
    tasks: int = 0
    is_referred: bool = False
    media: int = 0
    uploads: int = 0

    def dump(self) -> dict[str, Any]:
        """As a checkpoint."""
        return asdict(self)


def find_state(app: AppContext, run_id: int, checkpoint: dict[str, Any]) -> State:
    """How far a run is; at the beginning, if what it made was removed."""
    if not checkpoint:
        return State()
    state = State(**checkpoint)
    with app.database.read() as session:
        project = session.get(Project, state.project_id)
        is_ours = project is not None and project.restoring_run_id == run_id
    return state if is_ours else State()


def add_project(
    app: AppContext,
    session: Session,
    run_id: int,
    checked: Checked,
    *,
    owner: Principal,
    organization_id: int,
) -> State:
    """Make the project, its slots, and room for their media.

    Raises:
        QuotaExceeded: the team may not have another project, or not such a large one.
    """
    connection, record = session.connection(), checked.project
    require_room(app, connection, organization_id, Limit.PROJECTS)
    tasks = checked.manifest.counts.tasks
    require_room(app, connection, organization_id, Limit.TASKS, tasks)
    project = Project(
        organization_id=organization_id,
        title=record.title,
        description=record.description,
        label_config=record.label_config,
        maximum_annotations=record.maximum_annotations,
        interface=record.interface,
        created_by_id=owner.user_id,
        restoring_run_id=run_id,
    )
    session.add(project)
    session.flush()
    state = State(project.id)
    size = checked.media_bytes  # told once, with the first of the folders
    for storage in checked.storages:
        if storage.purpose == "import":
            slot = _add_slot(session, project.id, storage)
            state.slots[storage.name] = slot.id
            if slot.is_kept:
                folder = NewFile(
                    kept_folder(slot.id),
                    MEDIA_KIND,
                    project.id,
                    run_id=run_id,
                    size=size,
                )
                reserve_file(app, session, folder)
                size = 0
    return state


def _add_slot(session: Session, project_id: int, record: StorageRecord) -> Slot:
    slot = Slot(
        project_id=project_id,
        name=record.name,
        provider=record.provider,
        base_uri=record.base_uri,
        prefix=record.prefix,
        options=record.options,
        mapped_prefix=record.prefix,
        is_kept=record.media == "included",
    )
    session.add(slot)
    session.flush()
    return slot


def show_project(
    app: AppContext, session: Session, run_id: int, state: State, *, owner: Principal
) -> None:
    """Let everybody see it, who may; in the last transaction of the run.

    Raises:
        QuotaExceeded: the team may not have its tasks, which count from now on.
    """
    project = session.get_one(Project, state.project_id)
    connection, team = session.connection(), project.organization_id
    require_room(app, connection, team, Limit.TASKS, state.tasks)
    project.restoring_run_id = None
    project.updated_at = utc_now()
    highest = select(func.max(Task.inner_id)).where(Task.project_id == project.id)
    project.next_inner_id = (session.exec(highest).one() or 0) + 1
    session.flush()
    recount_tasks(session, project.id)
    session.add(
        Membership(project_id=project.id, user_id=owner.user_id, role=Role.OWNER)
    )
    files = select(StoredFile).where(
        StoredFile.run_id == run_id, StoredFile.project_id == project.id
    )
    for file in session.exec(files):
        file.is_ready = True
    request = session.exec(
        select(BackgroundRequest).where(BackgroundRequest.run_id == run_id)
    ).first()
    if request is not None:
        request.result_id, request.project_id = project.id, project.id
    auditing.record(
        session,
        owner,
        auditing.Deed(
            auditing.Action.BACKUP_RESTORED,
            "project",
            project.id,
            project_id=project.id,
            details={"title": project.title, "tasks": state.tasks},
        ),
    )
    session.flush()


def sweep_restores(app: AppContext) -> int:
    """Remove what restores made that have ended without success; how many there were.

    Their files go with the housekeeping of files, once their project is gone.
    """
    query = select(Project.id, Project.restoring_run_id).where(
        col(Project.restoring_run_id).is_not(None)
    )
    with app.database.read() as session:
        found = session.exec(query).all()
    return sum(_sweep(app, project_id, run_id or 0) for project_id, run_id in found)


def _sweep(app: AppContext, project_id: int, run_id: int) -> bool:
    def use_case(session: Session) -> bool:
        locked = select(Run).where(Run.id == run_id).with_for_update()
        run = session.exec(locked).first()
        project = session.get(Project, project_id)
        if project is None or project.restoring_run_id != run_id:
            return False
        if run is not None and run.state in ACTIVE_RUN_STATES:
            return False
        for table in (Annotation, Task):
            session.execute(delete(table).where(col(table.project_id) == project_id))
        session.execute(delete(Project).where(col(Project.id) == project_id))
        return True

    with app.database.read() as session:
        run = session.get(Run, run_id)
        if run is not None and run.state in ACTIVE_RUN_STATES:
            return False
    is_gone = app.database.transact(use_case)
    if is_gone:
        _log.info("restore_removed", project_id=project_id, run_id=run_id)
    return is_gone
