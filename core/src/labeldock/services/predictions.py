"""Predictions: what models say about tasks. Their locks follow those of annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Problem
from labeldock.db.columns import utc_now
from labeldock.db.tables import Prediction, Task
from labeldock.db.types import escape_text
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.annotations import (
    PredictionView,
    ring_deliveries,
    view_prediction,
)
from labeldock.services.context import AppContext
from labeldock.services.counters import count_predictions, lock_tasks, no_such_task
from labeldock.services.exporting import outbox
from labeldock.services.label_results import is_result

MOST_LISTED: Final = 10_000
_CHANGEABLE: Final = ("result", "score", "model_version")


def create_prediction(
    app: AppContext, principal: Principal, task_id: int, values: Mapping[str, Any]
) -> PredictionView:
    """Save what a model says about a task.

    Raises:
        InvalidInput: `result` is missing or not a list, or another value is wrong.
        NotFound, NotAllowed: as they say.
    """
    fields = _check_values({"result": None, **values})

    def use_case(session: Session) -> tuple[PredictionView, list[int]]:
        project_id = _find_project(session, principal, task_id, Permission.MANAGE)
        lock_tasks(session, [task_id])
        prediction = Prediction(task_id=task_id, project_id=project_id, **fields)
        session.add(prediction)
        session.flush()
        return view_prediction(prediction), _note(app, session, prediction, 1)

    view, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return view


def update_prediction(
    app: AppContext, principal: Principal, prediction_id: int, values: Mapping[str, Any]
) -> PredictionView:
    """Change a prediction: what is given, and nothing else.

    Raises:
        InvalidInput: a value cannot be used.
        NotFound, NotAllowed: as they say.
    """
    fields = _check_values(values)

    def use_case(session: Session) -> tuple[PredictionView, list[int]]:
        prediction = _load_locked(session, principal, prediction_id)
        for name, value in fields.items():
            setattr(prediction, name, value)
        prediction.updated_at = utc_now()
        session.flush()
        return view_prediction(prediction), _note(app, session, prediction, 0)

    view, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return view


def delete_prediction(
    app: AppContext, principal: Principal, prediction_id: int
) -> None:
    """Remove a prediction."""

    def use_case(session: Session) -> list[int]:
        prediction = _load_locked(session, principal, prediction_id)
        session.delete(prediction)
        session.flush()
        return _note(app, session, prediction, -1)

    ring_deliveries(app, app.database.transact(use_case))


def get_prediction(
    app: AppContext, principal: Principal, prediction_id: int
) -> PredictionView:
    """One prediction.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        found = _load(session, principal, prediction_id, Permission.VIEW)
        return view_prediction(found)


def list_predictions(
    app: AppContext,
    principal: Principal,
    *,
    task_id: int | None = None,
    project_id: int | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[PredictionView]:
    """The predictions of a task or of a project, oldest first.

    Raises:
        InvalidInput: neither is given, or there are too many for one list.
        NotFound, NotAllowed: as they say.
    """
    most = MOST_LISTED if limit is None else min(limit, MOST_LISTED)
    with app.database.read() as session:
        if task_id is not None:
            project_id = _find_project(session, principal, task_id, Permission.VIEW)
        elif project_id is not None:
            access.require(session, principal, project_id, Permission.VIEW)
        else:
            raise InvalidInput(
                'The query parameter "task" or "project" is required.',
                remedy="Say of which task or project, e.g. ?task=1",
            )
        query = select(Prediction).where(
            Prediction.project_id == project_id, col(Prediction.id) > after
        )
        if task_id is not None:
            query = query.where(Prediction.task_id == task_id)
        rows = session.exec(query.order_by(col(Prediction.id)).limit(most + 1)).all()
    if limit is None and len(rows) > most:
        raise InvalidInput(
            f"There are more than {most:,} predictions.",
            field="limit",
            remedy="Ask for them in parts: limit, and after with the last id seen.",
        )
    return [view_prediction(row) for row in rows[:most]]


def _note(
    app: AppContext, session: Session, prediction: Prediction, change: int
) -> list[int]:
    project_id, task_id = prediction.project_id, prediction.task_id
    count_predictions(session, project_id, task_id, change)
    return outbox.want_task(app, session, project_id, task_id, has_new_data=False)


def _find_project(
    session: Session, principal: Principal, task_id: int, permission: Permission
) -> int:
    query = select(Task.project_id).where(Task.id == task_id)
    project_id = session.exec(query).first()
    if project_id is None:
        raise no_such_task(task_id)
    missing = no_such_task(task_id)
    access.require(session, principal, project_id, permission, hidden=missing)
    return project_id


def _load(
    session: Session, principal: Principal, prediction_id: int, permission: Permission
) -> Prediction:
    prediction = session.get(Prediction, prediction_id)
    if prediction is None:
        raise _no_such_prediction(prediction_id)
    missing = _no_such_prediction(prediction_id)
    project_id = prediction.project_id
    access.require(session, principal, project_id, permission, hidden=missing)
    return prediction


def _load_locked(
    session: Session, principal: Principal, prediction_id: int
) -> Prediction:
    """The row as it is now, and nobody else changes it or its task meanwhile."""
    prediction = _load(session, principal, prediction_id, Permission.MANAGE)
    lock_tasks(session, [prediction.task_id])
    locked = session.get(
        Prediction, prediction_id, populate_existing=True, with_for_update=True
    )
    if locked is None:
        raise _no_such_prediction(prediction_id)
    return locked


def _no_such_prediction(prediction_id: int) -> NotFound:
    return NotFound(f"Prediction {prediction_id} does not exist.", field="prediction")


def _check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: values[name] for name in _CHANGEABLE if name in values}
    problems = []
    if "result" in fields and not is_result(fields["result"]):
        problems.append(Problem("result", "Must be a list of objects of JSON."))
    score = fields.get("score")
    if isinstance(score, bool) or not isinstance(score, float | int | None):
        problems.append(Problem("score", "Must be a number."))
    version = fields.get("model_version")
    if not isinstance(version, str | None):
        problems.append(Problem("model_version", "Must be text."))
    if problems:
        raise InvalidInput("The prediction cannot be saved.", problems=problems)
    if "model_version" in fields:
        fields["model_version"] = escape_text(version or "")
    return fields
