"""Backups by themselves: when, of which kind, where to, and how many are kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlmodel import Session, col, select, update

from labeldock.contract.errors import InvalidInput, LabeldockError, NotFound
from labeldock.db.archives import BackupPlan
from labeldock.db.columns import utc_now
from labeldock.services import access, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.backups.asking import BackupAsk, add_request, check_place
from labeldock.services.backups.naming import check_filename
from labeldock.services.backups.requests import load_run_id
from labeldock.services.context import AppContext
from labeldock.services.interruptions import describe_problem
from labeldock.services.schedules import parse_schedule
from labeldock.services.scheduling import read_clock

_MOST: Final = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """What somebody wants; see `BackupAsk` for the fields that are named alike."""

    schedule: str
    lightweight: bool
    location: str = "local"
    storage_id: int | None = None
    filename: str = ""
    keep_count: int | None = None
    keep_days: int | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan of a project; `problem` says why the last one could not be asked for."""

    project_id: int
    schedule: str
    is_active: bool
    lightweight: bool
    location: str
    storage_id: int | None
    filename: str
    keep_count: int | None
    keep_days: int | None
    next_run_at: datetime | None
    problem: dict[str, Any] | None


def get_plan(app: AppContext, principal: Principal, project_id: int) -> PlanView:
    """The plan of a project.

    Raises:
        NotFound: there is none, or no such project.
        NotAllowed: as it says.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        plan = session.get(BackupPlan, project_id)
        if plan is None:
            raise NotFound(
                f"Project {project_id} is not backed up by itself.", field="schedule"
            )
        return _view(plan)


def save_plan(
    app: AppContext, principal: Principal, project_id: int, draft: PlanDraft
) -> PlanView:
    """Back a project up by itself, in place of what was planned before.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: a value cannot be used.
    """
    _check(draft)
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        check_place(session, principal, _build_ask(project_id, draft))
        plan = session.get(BackupPlan, project_id)
        if plan is None:
            plan = BackupPlan(project_id=project_id, schedule=draft.schedule)
        for name in PlanDraft.__slots__:
            setattr(plan, name, getattr(draft, name))
        plan.problem, plan.updated_at = None, utc_now()
        plan.updated_by_id = principal.user_id
        schedule = parse_schedule(draft.schedule)
        now = read_clock(session)
        plan.next_run_at = schedule.find_next(now) if draft.is_active else None
        session.add(plan)
        session.flush()
        return _view(plan)


def remove_plan(app: AppContext, principal: Principal, project_id: int) -> None:
    """Make no more backups by itself; archives that there are stay for their time.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        plan = session.get(BackupPlan, project_id)
        if plan is not None:
            session.delete(plan)


def request_due_backups(app: AppContext, now: datetime | None = None) -> int:
    """Ask for a backup of every project that is due; how many were asked for.

    Each is claimed by moving its time, so that it fires once, whoever polls.
    """
    with app.database.read() as session:
        now = now or read_clock(session)
        due = select(BackupPlan.project_id).where(col(BackupPlan.next_run_at) <= now)
        found = list(session.exec(due.limit(100)))
    return sum(_fire(app, project_id, now) for project_id in found)


def _fire(app: AppContext, project_id: int, now: datetime) -> bool:
    with app.database.write() as session:
        plan = session.get(BackupPlan, project_id)
        if plan is None or plan.next_run_at is None or not _claim(session, plan, now):
            return False
        ask = _build_ask(project_id, plan)
    try:
        with app.database.write() as session:
            rq_id = add_request(
                app, session, ask, user_id=None, schedule=secrets.token_hex(8)
            )
            run_id = load_run_id(session, rq_id)
    except LabeldockError as error:
        _note_problem(app, project_id, error)
        return False
    _log.info("backup_due", project_id=project_id, run_id=run_id)
    app.bell.ring_run(run_id, runs.BACKUP)
    return True


def _claim(session: Session, plan: BackupPlan, now: datetime) -> bool:
    following = parse_schedule(plan.schedule).find_next(now, plan.next_run_at)
    claimed = session.exec(
        update(BackupPlan)
        .where(col(BackupPlan.project_id) == plan.project_id)
        .where(col(BackupPlan.next_run_at) == plan.next_run_at)
        .values(next_run_at=following)
        .execution_options(synchronize_session=False)
    )
    return claimed.rowcount == 1


def _note_problem(app: AppContext, project_id: int, error: LabeldockError) -> None:
    _log.warning("backup_not_asked_for", project_id=project_id, reason=error.message)
    with app.database.write() as session:
        plan = session.get(BackupPlan, project_id)
        if plan is not None:
            plan.problem = describe_problem(error)


def _build_ask(project_id: int, plan: PlanDraft | BackupPlan) -> BackupAsk:
    return BackupAsk(
        project_id,
        plan.lightweight,
        location=plan.location,
        storage_id=plan.storage_id,
        prefix=plan.filename,
    )


def _check(draft: PlanDraft) -> None:
    try:
        parse_schedule(draft.schedule)
    except ValueError as error:
        raise InvalidInput(f"This is {error}", field="schedule") from None
    for name in ("keep_count", "keep_days"):
        value = getattr(draft, name)
        if value is not None and not 1 <= value <= _MOST:
            raise InvalidInput(f"Give 1 to {_MOST:,}.", field=name)
    if draft.filename:
        is_key = draft.location == "cloud_storage"
        check_filename(f"{draft.filename}x", is_key=is_key)


def _view(plan: BackupPlan) -> PlanView:
    return PlanView(**plan.model_dump(include=set(PlanView.__slots__)))
