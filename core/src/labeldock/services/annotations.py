"""Annotations. Saving one queues its deliveries in one transaction.

Locks are taken in the order task, annotation, project, outbox. The drafts that led to
what is saved are removed with it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Problem
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, Prediction, Task
from labeldock.services import access, auditing
from labeldock.services.access import Permission, Principal
from labeldock.services.auditing import Deed
from labeldock.services.context import AppContext
from labeldock.services.counters import (
    count_annotations,
    lock_tasks,
    measure_share,
    no_such_task,
)
from labeldock.services.drafts import drop_drafts
from labeldock.services.exporting import outbox
from labeldock.services.label_results import is_result
from labeldock.services.webhooks.outbox import (
    Action,
    note_annotation,
    note_annotations,
    note_deleted_annotations,
)


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

MOST_AT_ONCE: Final = 10_000
"""How many annotations can be made or removed by one call."""
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
        lock_tasks(session, [task_id])
        annotation = Annotation(
            task_id=task_id,
            project_id=project_id,
            completed_by_id=principal.user_id,
            updated_by_id=principal.user_id,
            **fields,
        )
        session.add(annotation)
        session.flush()
        count_annotations(session, project_id, {task_id: measure_share(annotation)})
        storages = outbox.want_annotation(app, session, annotation)
        note_annotation(session.connection(), annotation, Action.ANNOTATION_CREATED)
        drop_drafts(session, principal.user_id, [task_id], None)
        return view_annotation(annotation), storages

    view, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return view


def create_annotations(
    app: AppContext,
    principal: Principal,
    task_ids: Collection[int],
    values: Mapping[str, Any],
) -> list[AnnotationView]:
    """Save the same about several tasks: for all of them, or for none.

    Raises:
        InvalidInput: as for one; or there are too many tasks, or none.
        NotFound, NotAllowed: as they say, of any of the tasks.
    """
    fields = _check_values({"result": None, **values})
    _check_number(task_ids, "tasks")
    wanted = sorted(set(task_ids))

    def use_case(session: Session) -> tuple[list[AnnotationView], list[int]]:
        projects = _authorize_all(session, principal, wanted)
        lock_tasks(session, wanted)
        made = [
            Annotation(
                task_id=task_id,
                project_id=project_id,
                completed_by_id=principal.user_id,
                updated_by_id=principal.user_id,
                **fields,
            )
            for task_id, project_id in projects.items()
        ]
        session.add_all(made)
        session.flush()
        storages: list[int] = []
        for project_id in sorted(set(projects.values())):
            ours = [each for each in made if each.project_id == project_id]
            shares = {each.task_id: measure_share(each) for each in ours}
            count_annotations(session, project_id, shares)
            storages += outbox.want_annotations(app, session, project_id, ours)
            batch = app.settings.webhook_batch_size
            note_annotations(session.connection(), ours, batch=batch)
        return [view_annotation(each) for each in made], storages

    views, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return views


def _authorize_all(
    session: Session, principal: Principal, task_ids: list[int]
) -> dict[int, int]:
    """The projects of tasks, in the order of the tasks."""
    query = select(Task.id, Task.project_id).where(col(Task.id).in_(task_ids))
    found = dict(session.exec(query).all())
    for task_id in task_ids:
        if task_id not in found:
            raise no_such_task(task_id)
    first = {project_id: task_id for task_id, project_id in found.items()}
    for project_id, task_id in first.items():
        missing = no_such_task(task_id)
        access.require(
            session, principal, project_id, Permission.ANNOTATE, hidden=missing
        )
    return {task_id: found[task_id] for task_id in task_ids}


def _check_number(ids: Collection[int], field: str) -> None:
    if not 0 < len(ids) <= MOST_AT_ONCE:
        raise InvalidInput(
            f"Give 1 to {MOST_AT_ONCE:,} numbers.",
            field=field,
            remedy="Split the request.",
        )


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
        before = measure_share(annotation)
        for name, value in fields.items():
            setattr(annotation, name, value)
        annotation.version += 1
        annotation.updated_at = utc_now()
        annotation.updated_by_id = principal.user_id
        session.flush()
        change = measure_share(annotation) - before
        count_annotations(session, annotation.project_id, {annotation.task_id: change})
        storages = outbox.want_annotation(app, session, annotation)
        note_annotation(session.connection(), annotation, Action.ANNOTATION_UPDATED)
        drop_drafts(session, principal.user_id, [annotation.task_id], annotation_id)
        return view_annotation(annotation), storages

    view, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return view


def delete_annotation(
    app: AppContext, principal: Principal, annotation_id: int
) -> None:
    """Remove an annotation; export storages that may delete remove its object."""

    def use_case(session: Session) -> list[int]:
        annotation = _load_locked(session, principal, annotation_id)
        _note_deleted(app, session, [annotation])
        return _delete(app, session, annotation)

    ring_deliveries(app, app.database.transact(use_case))


def delete_annotations(
    app: AppContext,
    principal: Principal,
    ids: Collection[int],
    *,
    project_id: int | None = None,
) -> int:
    """Remove several annotations, or none if one of them may not be; how many.

    Those that are gone already are passed over, as are those of other projects.
    """
    _check_number(ids, "ids")

    def use_case(session: Session) -> tuple[int, list[int]]:
        query = select(Annotation).where(col(Annotation.id).in_(ids))
        if project_id is not None:
            query = query.where(Annotation.project_id == project_id)
        found = session.exec(query.order_by(col(Annotation.id))).all()
        for annotation in found:
            _require(session, principal, annotation)
        lock_tasks(session, {annotation.task_id for annotation in found})
        locked = session.exec(
            query.order_by(col(Annotation.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        _note_deleted(app, session, locked)
        _record_deleted(session, principal, locked)
        storages = [_delete(app, session, annotation) for annotation in locked]
        return len(locked), list(dict.fromkeys(itertools.chain(*storages)))

    count, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return count


def _note_deleted(
    app: AppContext, session: Session, annotations: Sequence[Annotation]
) -> None:
    batch = app.settings.webhook_batch_size
    for project_id in sorted({each.project_id for each in annotations}):
        ids = [each.id for each in annotations if each.project_id == project_id]
        note_deleted_annotations(session.connection(), project_id, ids, batch=batch)


def _record_deleted(
    session: Session, principal: Principal, annotations: Sequence[Annotation]
) -> None:
    for project_id, count in Counter(each.project_id for each in annotations).items():
        what, details = ("project", project_id), {"number": count}
        deed = Deed(
            auditing.Action.ANNOTATIONS_DELETED,
            *what,
            project_id=project_id,
            details=details,
        )
        auditing.record(session, principal, deed)


def _delete(app: AppContext, session: Session, annotation: Annotation) -> list[int]:
    change = -measure_share(annotation)
    session.delete(annotation)
    session.flush()
    count_annotations(session, annotation.project_id, {annotation.task_id: change})
    return outbox.unwant_annotation(app, session, annotation)


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


def ring_deliveries(app: AppContext, storages: list[int]) -> None:
    """Tell workers that these storages have something to deliver."""
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
        raise no_such_task(task_id)
    missing = no_such_task(task_id)
    access.require(session, principal, project_id, permission, hidden=missing)
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
    _require(session, principal, annotation, permission)
    return annotation


def _require(
    session: Session,
    principal: Principal,
    annotation: Annotation,
    permission: Permission = Permission.ANNOTATE,
) -> None:
    """Who annotates may change what is their own, who manages whatever there is."""
    is_own = annotation.completed_by_id == principal.user_id
    if permission is Permission.ANNOTATE and not is_own:
        permission = Permission.MANAGE
    project_id, missing = annotation.project_id, _no_such_annotation(annotation.id)
    access.require(session, principal, project_id, permission, hidden=missing)


def _load_locked(
    session: Session, principal: Principal, annotation_id: int
) -> Annotation:
    """The row as it is now, and nobody else changes it or its task meanwhile."""
    annotation = _load(session, principal, annotation_id)
    lock_tasks(session, [annotation.task_id])
    locked = session.get(
        Annotation, annotation_id, populate_existing=True, with_for_update=True
    )
    if locked is None:
        raise _no_such_annotation(annotation_id)
    return locked


def _no_such_annotation(annotation_id: int) -> NotFound:
    return NotFound(f"Annotation {annotation_id} does not exist.", field="annotation")


def _check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: values[name] for name in _CHANGEABLE if name in values}
    problems = []
    if "result" in fields and not is_result(fields["result"]):
        problems.append(
            Problem(
                "result",
                "Must be a list of objects of JSON.",
                "Give [] for no regions.",
            )
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


def view_annotation(annotation: Annotation) -> AnnotationView:
    """The plain values of an annotation's row."""
    shown = set(AnnotationView.__slots__)
    return AnnotationView(**annotation.model_dump(include=shown))


def view_prediction(prediction: Prediction) -> PredictionView:
    """The plain values of a prediction's row."""
    shown = set(PredictionView.__slots__)
    return PredictionView(**prediction.model_dump(include=shown))
