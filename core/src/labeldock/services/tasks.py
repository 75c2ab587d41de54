"""Tasks: made by hand or by an import, listed, read, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlmodel import Session, col, delete, func, select, update

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.observers import TasksCreated
from labeldock.db.columns import utc_now
from labeldock.db.slots import Reference
from labeldock.db.tables import (
    NO_ROW,
    Annotation,
    ImportLink,
    Prediction,
    Project,
    Task,
)
from labeldock.services import access, projects
from labeldock.services.access import Permission, Principal
from labeldock.services.annotations import (
    AnnotationView,
    PredictionView,
    ring_deliveries,
)
from labeldock.services.context import AppContext
from labeldock.services.counters import lock_tasks, measure_tasks, take_off
from labeldock.services.exporting import outbox
from labeldock.services.quotas import Limit, require_team_room
from labeldock.services.task_selection import EVERY_TASK, TaskSelection
from labeldock.services.webhooks.outbox import note_deleted_tasks, note_tasks

UNDEFINED_KEY: Final = "$undefined$"
"""The data key of a task made from an object, until the label config names it."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it is shown, its data as stored (URIs unresolved)."""

    id: int
    project_id: int
    inner_id: int
    data: Any
    meta: Any
    overlap: int
    allow_skip: bool
    is_labeled: bool
    total_annotations: int
    cancelled_annotations: int
    total_predictions: int
    created_at: datetime
    updated_at: datetime
    updated_by_id: int | None
    storage_id: int | None
    key: str | None
    row_index: int | None
    row_group: int | None
    object_exists: bool | None
    object_changed: bool | None
    annotations: tuple[AnnotationView, ...] = ()
    predictions: tuple[PredictionView, ...] = ()
    slot_id: int | None = None


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks of a project, from where, how many."""

    project_id: int
    offset: int = 0
    limit: int = 100
    selection: TaskSelection = EVERY_TASK


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks and the totals of the project."""

    tasks: list[TaskView]
    total: int
    total_annotations: int
    total_predictions: int


def create_task(
    app: AppContext, principal: Principal, project_id: int, data: Any
) -> TaskView:
    """Add one task.

    Raises:
        InvalidInput: the data is neither an object nor a list.
        QuotaExceeded: the team may not have more tasks.
    """
    if not isinstance(data, dict | list) or not data:
        raise InvalidInput(
            "Task data must be a JSON object or list.",
            field="data",
            remedy='Give an object such as {"image": "..."}.',
        )
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        require_team_room(app, session.connection(), project_id, Limit.TASKS)
        task = Task(project_id=project_id, inner_id=0, data=data)
        task.overlap = projects.load_project(session, project_id).maximum_annotations
        task.updated_by_id = principal.user_id
        session.add(task)
        session.flush()
        task.inner_id = _count_task(session, project_id)
        session.flush()
        note_tasks(session.connection(), project_id, [task.id], batch=1)
        view = _view_many(session, [task])[0]
    event = TasksCreated(project_id, (view.id,), None)
    app.catalog.notify("after_tasks_created", event)
    return view


def _count_task(session: Session, project_id: int) -> int:
    numbered = session.execute(
        update(Project)
        .where(col(Project.id) == project_id)
        .values(
            next_inner_id=col(Project.next_inner_id) + 1,
            task_number=col(Project.task_number) + 1,
        )
        .returning(col(Project.next_inner_id))
    )
    return int(numbered.scalar_one()) - 1


def list_tasks(app: AppContext, principal: Principal, query: TaskQuery) -> TaskPage:
    """One page of a project's tasks, in their order, with annotations."""
    with app.database.read() as session:
        access.require(session, principal, query.project_id, Permission.VIEW)
        totals = _count_selected(session, query)
        page = query.selection.narrow(
            select(Task).where(Task.project_id == query.project_id)
        )
        page = query.selection.order(page).offset(query.offset).limit(query.limit)
        # As rows: making an object of the ORM of each takes half of the time.
        rows = session.execute(page.with_only_columns(*_TASK_COLUMNS)).all()
        return TaskPage(_view_many(session, rows), *totals)


def list_briefs(
    app: AppContext, principal: Principal, project_id: int, ids: Sequence[int]
) -> list[TaskView]:
    """These tasks of a project, in this order, without what was said about them."""
    query = select(Task).where(Task.project_id == project_id, col(Task.id).in_(ids))
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        rows = session.execute(query.with_only_columns(*_TASK_COLUMNS)).all()
        views = {v.id: v for v in _view_many(session, rows, is_brief=True)}
    return [views[each] for each in ids if each in views]


def _count_selected(session: Session, query: TaskQuery) -> tuple[int, int, int]:
    """Tasks, their annotations, their predictions; the project has counted its own."""
    project = projects.load_project(session, query.project_id)
    if query.selection.is_everything:
        return (
            project.task_number,
            project.total_annotations_number,
            project.total_predictions_number,
        )
    counted = select(
        func.count(col(Task.id)),
        func.coalesce(func.sum(col(Task.total_annotations)), 0),
        func.coalesce(func.sum(col(Task.total_predictions)), 0),
    ).where(Task.project_id == query.project_id)
    tasks, annotations, predictions = session.exec(
        query.selection.narrow(counted)
    ).one()
    return tasks, int(annotations), int(predictions)


def get_task(app: AppContext, principal: Principal, task_id: int) -> TaskView:
    """One task with its annotations and predictions.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        task = load_task(session, principal, task_id, Permission.VIEW)
        return _view_many(session, [task])[0]


def load_task(
    session: Session, principal: Principal, task_id: int, permission: Permission
) -> Task:
    """The row of a task, once it is clear that the caller may touch it."""
    task = session.get(Task, task_id)
    missing = NotFound(f"Task {task_id} does not exist.", field="task")
    if task is None:
        raise missing
    access.require(session, principal, task.project_id, permission, hidden=missing)
    return task


def update_task(
    app: AppContext, principal: Principal, task_id: int, values: Mapping[str, Any]
) -> TaskView:
    """Change a task's data or meta.

    Raises:
        InvalidInput: the data is neither an object nor a list.
    """
    with app.database.write() as session:
        task = load_task(session, principal, task_id, Permission.MANAGE)
        lock_tasks(session, [task_id])
        if "data" in values and not isinstance(values["data"], dict | list):
            raise InvalidInput("Task data must be a JSON object or list.", field="data")
        for name in ("data", "meta"):
            if name in values:
                setattr(task, name, values[name])
        task.version = Task.version + 1  # by the database: annotations count it too
        task.updated_at = utc_now()
        task.updated_by_id = principal.user_id
        session.flush()
        storages = outbox.want_task(
            app, session, task.project_id, task_id, has_new_data=True
        )
        view = _view_many(session, [task])[0]
    ring_deliveries(app, storages)
    return view


def delete_task(app: AppContext, principal: Principal, task_id: int) -> None:
    """Remove a task. Its object is imported again once all its tasks are gone."""

    def use_case(session: Session) -> list[int]:
        task = load_task(session, principal, task_id, Permission.MANAGE)
        lock_tasks(session, [task_id])
        storages = outbox.unwant_tasks(session, task.project_id, [task_id])
        share = measure_tasks(session, [task_id])
        session.execute(delete(Task).where(col(Task.id) == task_id))
        connection = session.connection()
        take_off(connection, task.project_id, share)
        note_deleted_tasks(connection, task.project_id, [task_id], batch=1)
        return storages

    ring_deliveries(app, app.database.transact(use_case))


def _view_many(
    session: Session, tasks: Sequence[Any], *, is_brief: bool = False
) -> list[TaskView]:
    """What is shown of tasks, or of rows that have their columns."""
    ids = [task.id for task in tasks]
    said_of = [] if is_brief else ids
    links = _group(session, _LINK_COLUMNS, _Link, ids)
    if unlinked := [task_id for task_id in ids if task_id not in links]:
        links |= _group(session, _REFERENCE_COLUMNS, _Link, unlinked)
    annotations = _group(session, _ANNOTATION_COLUMNS, AnnotationView, said_of)
    predictions = _group(session, _PREDICTION_COLUMNS, PredictionView, said_of)
    return [
        _view(
            task,
            next(iter(links.get(task.id, ())), None),
            tuple(annotations.get(task.id, ())),
            tuple(predictions.get(task.id, ())),
        )
        for task in tasks
    ]


class _Link(NamedTuple):
    """Where a task comes from; a reference has no storage now."""

    task_id: int
    slot_id: int | None
    key: str
    row_index: int
    row_group: int
    storage_id: int | None = None
    object_exists: bool | None = None
    object_changed: bool | None = None


def _group(
    session: Session,
    columns: Sequence[Any],
    view: Callable[..., Any],
    ids: Sequence[int],
) -> dict[int, list[Any]]:
    """Rows of a table that belong to tasks, by task and in order, as `view` has them.

    The first column's table is asked; it has a `task_id` and an `id`.
    """
    table = columns[0].class_
    grouped: dict[int, list[Any]] = {}
    if not ids:
        return grouped
    query = sqlalchemy.select(*columns).where(table.task_id.in_(ids))
    for row in session.execute(query.order_by(table.id)):
        made = view(*row)
        grouped.setdefault(made.task_id, []).append(made)
    return grouped


def _view(
    task: Any,
    link: _Link | None,
    annotations: tuple[AnnotationView, ...],
    predictions: tuple[PredictionView, ...],
) -> TaskView:
    has_row = link is not None and link.row_index != NO_ROW
    return TaskView(
        **{name: getattr(task, name) for name in _SHOWN},
        storage_id=link.storage_id if link else None,
        slot_id=link.slot_id if link else None,
        key=link.key if link else None,
        row_index=link.row_index if link and has_row else None,
        row_group=link.row_group if link and link.row_group != NO_ROW else None,
        object_exists=link.object_exists if link else None,
        object_changed=link.object_changed if link else None,
        annotations=annotations,
        predictions=predictions,
    )


_OF_THE_LINK: Final = {
    "storage_id", "key", "row_index", "row_group", "object_exists", "object_changed",
    "slot_id",
}  # fmt: skip
_SHOWN: Final = tuple(
    name
    for name in TaskView.__slots__
    if name not in {*_OF_THE_LINK, "annotations", "predictions"}
)
_TASK_COLUMNS: Final = tuple(getattr(Task, name) for name in _SHOWN)
_LINK_COLUMNS: Final = tuple(getattr(ImportLink, name) for name in _Link._fields)
_REFERENCE_COLUMNS: Final = tuple(getattr(Reference, n) for n in _Link._fields[:5])
_ANNOTATION_COLUMNS: Final = tuple(
    getattr(Annotation, name) for name in AnnotationView.__slots__
)
_PREDICTION_COLUMNS: Final = tuple(
    getattr(Prediction, name) for name in PredictionView.__slots__
)
