"""What webhooks have to be told: rows written with the change that they tell of.

A row is written in the same transaction as the state it speaks of, so nothing is told
that did not happen and nothing is forgotten; sending is done later, by `delivery`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert
from sqlmodel import col, or_, select

from labeldock.db.columns import utc_now
from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.tables import Annotation
from labeldock.db.types import database_now

_DELIVERY: Final = WebhookDelivery.__table__  # type: ignore[attr-defined]


class Action(StrEnum):
    """What a webhook can be told of."""

    RUN_STARTED = "RUN_STARTED"
    RUN_FINISHED = "RUN_FINISHED"
    RUN_FAILED = "RUN_FAILED"
    TASKS_CREATED = "TASKS_CREATED"
    TASKS_DELETED = "TASKS_DELETED"
    ANNOTATION_CREATED = "ANNOTATION_CREATED"
    ANNOTATIONS_CREATED = "ANNOTATIONS_CREATED"
    ANNOTATION_UPDATED = "ANNOTATION_UPDATED"
    ANNOTATIONS_DELETED = "ANNOTATIONS_DELETED"
    PROJECT_CREATED = "PROJECT_CREATED"
    PROJECT_UPDATED = "PROJECT_UPDATED"
    PROJECT_DELETED = "PROJECT_DELETED"


TEST: Final = "WEBHOOK_TEST"
"""What a test message says; sent whatever actions a webhook has."""


_RUN_FIELDS: Final = (
    "id", "storage_id", "kind", "state", "trigger", "counts", "attempts", "problem",
    "cancelled_by", "queued_at", "started_at", "finished_at",
)  # fmt: skip
_ENDS: Final = {"completed", "completed_with_errors"}


def note_run_start(connection: Connection, run: Any) -> None:  # a row or a model
    """Have the webhooks of its project told that a run is worked on, the first time."""
    if run.lease_token == 1:
        _note_run(connection, run, Action.RUN_STARTED)


def note_run_end(connection: Connection, run: Any) -> None:  # as above
    """Have the webhooks of its project told of the state that a run ended in."""
    is_good = run.state in _ENDS
    _note_run(connection, run, Action.RUN_FINISHED if is_good else Action.RUN_FAILED)


def _note_run(connection: Connection, run: Any, action: Action) -> None:
    if run.project_id is None:  # a restore that has not made its project yet
        return
    values = {name: getattr(run, name) for name in _RUN_FIELDS}
    _note(connection, run.project_id, action, [{"run": values}])


def note_tasks(
    connection: Connection,
    project_id: int,
    task_ids: Sequence[int],
    *,
    batch: int,
    storage_id: int | None = None,
    run_id: int | None = None,
) -> None:
    """Have the webhooks of a project told of new tasks, `batch` of them at a time."""
    if not task_ids:
        return
    payloads = (
        {"task_ids": part, "storage_id": storage_id, "run_id": run_id}
        for part in _split(task_ids, batch)
    )
    _note(connection, project_id, Action.TASKS_CREATED, payloads)


def note_deleted_tasks(
    connection: Connection, project_id: int, task_ids: Sequence[int], *, batch: int
) -> None:
    """Have the webhooks of a project told of tasks that are gone."""
    payloads = ({"gone_task_ids": part} for part in _split(task_ids, batch))
    _note(connection, project_id, Action.TASKS_DELETED, payloads)


def note_annotation(
    connection: Connection, annotation: Annotation, action: Action
) -> None:
    """Have the webhooks of its project told of one annotation, new or changed."""
    payload = {"annotation_id": annotation.id, "task_id": annotation.task_id}
    _note(connection, annotation.project_id, action, [payload])


def note_annotations(
    connection: Connection, annotations: Sequence[Annotation], *, batch: int
) -> None:
    """Have the webhooks of their project told of annotations made in one go."""
    if not annotations:
        return
    ids = [annotation.id for annotation in annotations]
    payloads = ({"annotation_ids": part} for part in _split(ids, batch))
    project_id = annotations[0].project_id
    _note(connection, project_id, Action.ANNOTATIONS_CREATED, payloads)


def note_deleted_annotations(
    connection: Connection, project_id: int, ids: Sequence[int], *, batch: int
) -> None:
    """Have the webhooks of a project told of annotations that are gone."""
    payloads = ({"gone_annotation_ids": part} for part in _split(ids, batch))
    _note(connection, project_id, Action.ANNOTATIONS_DELETED, payloads)


def note_project(connection: Connection, project_id: int, action: Action) -> None:
    """Have webhooks told that a project was made, changed or removed.

    Of a removal only the webhooks of all projects hear: its own go with it.
    """
    _note(connection, project_id, action, [{}])


def note_test(connection: Connection, webhook_id: int, project_id: int) -> None:
    """Have one webhook told that it works."""
    rows = [_build_row(webhook_id, project_id, TEST, {})]
    connection.execute(insert(_DELIVERY).values(due_at=database_now()), rows)


def _split(ids: Sequence[int], batch: int) -> Iterator[list[int]]:
    for first in range(0, len(ids), batch):
        yield list(ids[first : first + batch])


def _note(
    connection: Connection,
    project_id: int,
    action: Action,
    payloads: Any,  # an iterable of JSON objects, not looked at if nobody listens
) -> None:
    listening = _list_listening(connection, project_id, action)
    if not listening:
        return
    rows = [
        _build_row(webhook_id, project_id, action.value, payload)
        for payload in payloads
        for webhook_id in listening
    ]
    # Due by the database's clock, by which it will be found due.
    connection.execute(insert(_DELIVERY).values(due_at=database_now()), rows)


def _list_listening(
    connection: Connection, project_id: int, action: Action
) -> list[int]:
    query = (
        select(col(Webhook.id), col(Webhook.actions))
        .where(
            col(Webhook.is_active),
            or_(
                col(Webhook.project_id) == project_id, col(Webhook.project_id).is_(None)
            ),
        )
        .order_by(col(Webhook.id))
    )
    return [
        webhook_id
        for webhook_id, actions in connection.execute(query)
        if actions is None or action.value in actions
    ]


def _build_row(
    webhook_id: int, project_id: int, action: str, payload: dict[str, Any]
) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "project_id": project_id,
        "message_id": f"msg_{secrets.token_hex(12)}",
        "action": action,
        "payload": payload,
        "state": "waiting",
        "attempts": 0,
        "lease_token": 0,
        "created_at": utc_now(),
    }
