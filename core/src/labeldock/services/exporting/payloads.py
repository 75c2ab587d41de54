"""What is written to an export storage: an annotation, or a task with all of them.

URIs stay as they are in the task's data; signed URLs are never written.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session, select

from labeldock.db.tables import Annotation, Prediction, Task
from labeldock.db.types import dump_json
from labeldock.services.access import UserName, name_users


def build_annotation(session: Session, annotation_id: int) -> bytes | None:
    """One annotation as JSON; None if it was deleted meanwhile."""
    annotation = session.get(Annotation, annotation_id)
    if annotation is None:
        return None
    users = name_users(session, _user_ids([annotation]))
    return dump_json(_annotation(annotation, users)).encode()


def build_task(session: Session, task_id: int) -> bytes | None:
    """A task with its annotations and predictions as JSON; None if it was deleted.

    Importing such a file gives the task with its annotations again.
    """
    task = session.get(Task, task_id)
    if task is None:
        return None
    return dump_json(describe_task(session, task)).encode()


def describe_task(session: Session, task: Task) -> dict[str, Any]:
    """A task with everything said about it, as a plain document."""
    return describe_tasks(session, [task])[0]


def describe_tasks(session: Session, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Tasks with everything said about them, in three queries however many they are."""
    ids = [task.id for task in tasks]
    annotations = _by_task(session, Annotation, ids)
    predictions = _by_task(session, Prediction, ids)
    users = name_users(session, _user_ids(itertools.chain(*annotations.values())))
    return [
        {
            "id": task.id,
            "inner_id": task.inner_id,
            "project": task.project_id,
            "data": task.data,
            "meta": task.meta,
            "allow_skip": task.allow_skip,
            "created_at": task.created_at,
            "updated_at": task.updated_at,
            "annotations": [_annotation(a, users) for a in annotations[task.id]],
            "predictions": [_prediction(p) for p in predictions[task.id]],
        }
        for task in tasks
    ]


def _by_task(session: Session, table: Any, ids: Sequence[int]) -> dict[int, list[Any]]:
    """The rows of a table that belong to tasks; an empty list for a task without."""
    grouped: dict[int, list[Any]] = {task_id: [] for task_id in ids}
    query = select(table).where(table.task_id.in_(ids)).order_by(table.id)
    for row in session.exec(query):
        grouped[row.task_id].append(row)
    return grouped


def _user_ids(annotations: Iterable[Annotation]) -> set[int]:
    ids = {annotation.completed_by_id for annotation in annotations}
    return {user_id for user_id in ids if user_id is not None}


def _annotation(row: Annotation, users: dict[int, UserName]) -> dict[str, Any]:
    user = users.get(row.completed_by_id) if row.completed_by_id else None
    return {
        "id": row.id,
        "task": row.task_id,
        "project": row.project_id,
        "completed_by": {
            "id": user.id,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
        }
        if user
        else None,
        "result": row.result,
        "was_cancelled": row.was_cancelled,
        "ground_truth": row.ground_truth,
        "lead_time": row.lead_time,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _prediction(row: Prediction) -> dict[str, Any]:
    return {
        "id": row.id,
        "result": row.result,
        "score": row.score,
        "model_version": row.model_version,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
