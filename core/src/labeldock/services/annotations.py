"""Annotations and predictions. Saving one queues its deliveries in one transaction.

Counters of tasks and projects are changed by statements that add, never by reading and
writing back, so that they stay right when several people work at once. Locks are taken
in the order task, annotation, project, outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlmodel import Session, case, col, select, update

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Problem
from labeldock.db.tables import Annotation, Prediction, Project, Task, utc_now
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox


@dataclass(frozen=True, slots=True)
class AnnotationView:
    """An annotation as it is shown."""

    id: int
    task_id: int
    project_id: int
    completed_by_id: int | None
    updated_by_id: int | None
    result: Any
    was_cancelled: bool
    ground_truth: bool
    lead_time: float | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PredictionView:
    """A prediction as it is shown."""

    id: int
    task_id: int
    project_id: int
    result: Any
    score: float | None
    model_version: str
    created_at: datetime
    updated_at: datetime


_Saved = tuple[AnnotationView, list[int]]

_CHANGEABLE: Final = ("result", "was_cancelled", "ground_truth", "lead_time")


def create_annotation(
    app: AppContext, principal: Principal, task_id: int, values: Mapping[str, Any]
) -> AnnotationView:
    """Save what somebody said about a task.

    Raises:
        InvalidInput: `result` is missing or not a list.
        NotFound, NotAllowed: as they say.
    """
    fields = _check_values({"result": None, **values})

    def use_case(session: Session) -> _Saved:
        project_id = _authorize(session, principal, task_id)
        _lock_task(session, task_id)
        annotation = Annotation(
            task_id=task_id,
            project_id=project_id,
            completed_by_id=principal.user_id,
            updated_by_id=principal.user_id,
            **fields,
        )
        session.add(annotation)
        session.flush()
        _count(session, annotation, _share(annotation))
        storages = outbox.want_annotation(app, session, annotation)
        return view_annotation(annotation), storages

    view, storages = app.database.transact(use_case)
    _ring(app, storages)
    return view


def update_annotation(
    app: AppContext, principal: Principal, annotation_id: int, values: Mapping[str, Any]
) -> AnnotationView:
    """Change an annotation: what is given, and nothing else.

    Raises:
        InvalidInput: a value cannot be used.
        NotFound, NotAllowed: as they say.
    """
    fields = _check_values(values)

    def use_case(session: Session) -> _Saved:
        annotation = _load_locked(session, principal, annotation_id)
        before = _share(annotation)
        for name, value in fields.items():
            setattr(annotation, name, value)
        annotation.version += 1
        annotation.updated_at = utc_now()
        annotation.updated_by_id = principal.user_id
        session.flush()
        _count(session, annotation, _share(annotation) - before)
        storages = outbox.want_annotation(app, session, annotation)
        return view_annotation(annotation), storages

    view, storages = app.database.transact(use_case)
    _ring(app, storages)
    return view


def delete_annotation(
    app: AppContext, principal: Principal, annotation_id: int
) -> None:
    """Remove an annotation; export storages that may delete remove its object."""

    def use_case(session: Session) -> list[int]:
        annotation = _load_locked(session, principal, annotation_id)
        _count(session, annotation, -_share(annotation))
        storages = outbox.unwant_annotation(app, session, annotation)
        session.delete(annotation)
        return storages

    _ring(app, app.database.transact(use_case))


def get_annotation(
    app: AppContext, principal: Principal, annotation_id: int
) -> AnnotationView:
    """One annotation."""
    with app.database.read() as session:
        annotation = _load(session, principal, annotation_id, Permission.VIEW)
        return view_annotation(annotation)


def list_annotations(
    app: AppContext, principal: Principal, task_id: int
) -> list[AnnotationView]:
    """The annotations of a task, oldest first."""
    with app.database.read() as session:
        _authorize(session, principal, task_id, Permission.VIEW)
        query = select(Annotation).where(Annotation.task_id == task_id)
        rows = session.exec(query.order_by(col(Annotation.id)))
        return [view_annotation(row) for row in rows]


def _ring(app: AppContext, storages: list[int]) -> None:
    for storage_id in storages:
        app.bell.ring_delivery(storage_id)


def _authorize(
    session: Session,
    principal: Principal,
    task_id: int,
    permission: Permission = Permission.ANNOTATE,
) -> int:
    query = select(Task.project_id).where(Task.id == task_id)
    project_id = session.exec(query).first()
    if project_id is None:
        raise _no_such_task(task_id)
    access.require(session, principal, project_id, permission)
    return project_id


def _load(
    session: Session,
    principal: Principal,
    annotation_id: int,
    permission: Permission = Permission.ANNOTATE,
) -> Annotation:
    annotation = session.get(Annotation, annotation_id)
    if annotation is None:
        raise _no_such_annotation(annotation_id)
    needed = permission
    if permission is Permission.ANNOTATE:
        is_own = annotation.completed_by_id == principal.user_id
        needed = Permission.ANNOTATE if is_own else Permission.MANAGE
    access.require(session, principal, annotation.project_id, needed)
    return annotation


def _load_locked(
    session: Session, principal: Principal, annotation_id: int
) -> Annotation:
    """The row as it is now, and nobody else changes it or its task meanwhile."""
    annotation = _load(session, principal, annotation_id)
    _lock_task(session, annotation.task_id)
    locked = session.get(
        Annotation, annotation_id, populate_existing=True, with_for_update=True
    )
    if locked is None:
        raise _no_such_annotation(annotation_id)
    return locked


def _lock_task(session: Session, task_id: int) -> None:
    task = select(Task.id).where(Task.id == task_id)
    if session.exec(task.with_for_update(key_share=True)).first() is None:
        raise _no_such_task(task_id)


def _no_such_annotation(annotation_id: int) -> NotFound:
    return NotFound(f"Annotation {annotation_id} does not exist.", field="annotation")


def _no_such_task(task_id: int) -> NotFound:
    return NotFound(f"Task {task_id} does not exist.", field="task")


def _check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: values[name] for name in _CHANGEABLE if name in values}
    problems = []
    if "result" in fields and not _is_result(fields["result"]):
        problems.append(
            Problem("result", "Must be a list of objects.", "Give [] for no regions.")
        )
    problems += [
        Problem(name, "Must be true or false.")
        for name in ("was_cancelled", "ground_truth")
        if not isinstance(fields.get(name, False), bool)
    ]
    lead_time = fields.get("lead_time")
    if isinstance(lead_time, bool) or not isinstance(lead_time, float | int | None):
        problems.append(Problem("lead_time", "Must be a number of seconds."))
    if problems:
        raise InvalidInput("The annotation cannot be saved.", problems=problems)
    return fields


def _is_result(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


class _Share(NamedTuple):
    """What an annotation adds to the counters."""

    done: int
    cancelled: int

    def __neg__(self) -> _Share:
        return _Share(-self.done, -self.cancelled)

    def __sub__(self, other: _Share) -> _Share:
        return _Share(self.done - other.done, self.cancelled - other.cancelled)


def _share(annotation: Annotation) -> _Share:
    return _Share(0, 1) if annotation.was_cancelled else _Share(1, 0)


def _count(session: Session, annotation: Annotation, change: _Share) -> None:
    """Change the counters of the task, which is locked, then those of its project."""
    total = col(Task.total_annotations) + change.done
    row = session.execute(
        update(Task)
        .where(col(Task.id) == annotation.task_id)
        .values(
            total_annotations=total,
            cancelled_annotations=col(Task.cancelled_annotations) + change.cancelled,
            is_labeled=case((total >= col(Task.overlap), True), else_=False),
            version=col(Task.version) + 1,
            updated_at=utc_now(),
        )
        .returning(col(Task.total_annotations), col(Task.overlap))
    ).one()
    finished = int(row[0] >= row[1]) - int(row[0] - change.done >= row[1])
    if not change.done:
        return
    session.execute(
        update(Project)
        .where(col(Project.id) == annotation.project_id)
        .values(
            total_annotations_number=col(Project.total_annotations_number)
            + change.done,
            finished_task_number=col(Project.finished_task_number) + finished,
        )
    )


def view_annotation(annotation: Annotation) -> AnnotationView:
    """The plain values of an annotation's row."""
    shown = set(AnnotationView.__slots__)
    return AnnotationView(**annotation.model_dump(include=shown))


def view_prediction(prediction: Prediction) -> PredictionView:
    """The plain values of a prediction's row."""
    shown = set(PredictionView.__slots__)
    return PredictionView(**prediction.model_dump(include=shown))
