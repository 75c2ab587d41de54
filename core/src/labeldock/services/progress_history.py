"""How the tasks of a project came and were labelled over time, as a bounded series.

Every worker's poll notes the counters of projects that have changed, each at most once
in a few minutes, however many workers there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import and_, col, delete, func, or_, select

from labeldock.db.columns import utc_now
from labeldock.db.history import ProjectPoint
from labeldock.db.tables import Project
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext

STEP: Final = timedelta(minutes=5)
MOST: Final = 300
"""Points of a project; beyond, every second one of the older half is dropped."""

_POINT: Final = ProjectPoint.__table__  # type: ignore[attr-defined]
_MANY: Final = 500


@dataclass(frozen=True, slots=True)
class Point:
    """What the counters of a project were at a time."""

    at: datetime
    tasks: int
    finished: int
    annotations: int


def list_points(app: AppContext, principal: Principal, project_id: int) -> list[Point]:
    """The series of a project, oldest first; what it is now is not among it.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    query = (
        select(ProjectPoint)
        .where(ProjectPoint.project_id == project_id)
        .order_by(col(ProjectPoint.at))
    )
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        return [
            Point(row.at, row.tasks, row.finished, row.annotations)
            for row in session.exec(query)
        ]


def note_points(app: AppContext, now: datetime | None = None) -> int:
    """Note the counters of projects that have changed since their last point.

    Returns:
        How many points are new.
    """
    at = _round_down(now or utc_now())
    with app.database.read() as session:
        found = session.execute(_select_changed(at).limit(_MANY)).all()
    if not found:
        return 0
    with app.database.write_connection() as connection:
        return sum(_note(connection, at, row) for row in found)


def _round_down(now: datetime) -> datetime:
    step = int(STEP.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // step * step, UTC)


def _select_changed(at: datetime) -> Any:  # a select of projects and their counters
    newest = (
        select(ProjectPoint.project_id, func.max(ProjectPoint.at).label("at"))
        .group_by(col(ProjectPoint.project_id))
        .subquery()
    )
    is_same = and_(
        col(ProjectPoint.tasks) == col(Project.task_number),
        col(ProjectPoint.finished) == col(Project.finished_task_number),
        col(ProjectPoint.annotations) == col(Project.total_annotations_number),
    )
    is_newest = and_(
        _POINT.c.project_id == newest.c.project_id, _POINT.c.at == newest.c.at
    )
    return (
        select(
            Project.id,
            Project.task_number,
            Project.finished_task_number,
            Project.total_annotations_number,
        )
        .join(newest, newest.c.project_id == Project.id, isouter=True)
        .join(ProjectPoint, is_newest, isouter=True)
        .where(or_(newest.c.at.is_(None), and_(newest.c.at < at, ~is_same)))
        .where(or_(newest.c.at.is_not(None), col(Project.task_number) > 0))
        .order_by(col(Project.id))
    )


def _note(connection: Connection, at: datetime, row: Sequence[Any]) -> int:
    project_id, tasks, finished, annotations = row
    is_there = select(ProjectPoint.at).where(
        ProjectPoint.project_id == project_id, ProjectPoint.at == at
    )
    held = select(Project.id).where(Project.id == project_id)
    # Locked, so that two workers do not write the same point.
    if connection.execute(held.with_for_update()).first() is None:
        return 0
    if connection.execute(is_there).first() is not None:
        return 0
    values = {"tasks": tasks, "finished": finished, "annotations": annotations}
    connection.execute(_POINT.insert().values(project_id=project_id, at=at, **values))
    _thin(connection, project_id)
    return 1


def _thin(connection: Connection, project_id: int) -> None:
    query = select(ProjectPoint.at).where(ProjectPoint.project_id == project_id)
    times = connection.execute(query.order_by(col(ProjectPoint.at))).scalars().all()
    if len(times) <= MOST:
        return
    dropped = times[1 : MOST // 2 : 2]
    connection.execute(
        delete(ProjectPoint).where(
            col(ProjectPoint.project_id) == project_id,
            col(ProjectPoint.at).in_(dropped),
        )
    )
