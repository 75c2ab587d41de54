"""The bodies of webhook messages, built when they are sent."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlmodel import Session, col, select

from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.tables import Project, Storage, Task
from labeldock.db.types import dump_json

MAX_BYTES: Final = 1024 * 1024
"""Largest body; tasks that do not fit are named by their numbers alone."""

_TASK_FIELDS: Final = (
    "id", "data", "meta", "inner_id", "overlap", "is_labeled", "total_annotations",
    "cancelled_annotations", "total_predictions", "created_at", "updated_at",
)  # fmt: skip


def build_body(session: Session, webhook: Webhook, delivery: WebhookDelivery) -> bytes:
    """The JSON text of a message."""
    if not webhook.send_payload:
        return orjson.dumps({"action": delivery.action})
    body: dict[str, Any] = {
        "action": delivery.action,
        "created_at": delivery.created_at.isoformat(),
        "project": _describe_project(session, delivery.project_id),
    }
    payload = delivery.payload
    if "run" in payload:
        run = payload["run"]
        body["run"] = run
        body["storage"] = _describe_storage(session, run["storage_id"])
    if "task_ids" in payload:
        body["storage"] = _describe_storage(session, payload["storage_id"])
        body["run"] = payload["run_id"] and {"id": payload["run_id"]}
        body |= _describe_tasks(session, payload["task_ids"])
    return dump_json(body).encode()


def _describe_project(session: Session, project_id: int) -> dict[str, Any]:
    project = session.get(Project, project_id)
    return {"id": project_id, "title": project.title if project else None}


def _describe_storage(
    session: Session, storage_id: int | None
) -> dict[str, Any] | None:
    if storage_id is None:
        return None
    storage = session.get(Storage, storage_id)
    if storage is None:
        return {"id": storage_id}
    return {
        "id": storage_id,
        "title": storage.title,
        "type": storage.provider,
        "purpose": storage.purpose,
    }


def _describe_tasks(session: Session, task_ids: list[int]) -> dict[str, Any]:
    """The tasks that are there still, in full while they fit into a body."""
    query = select(Task).where(col(Task.id).in_(task_ids)).order_by(col(Task.id))
    tasks: list[dict[str, Any]] = []
    size = 0
    for task in session.exec(query):
        full = {name: getattr(task, name) for name in _TASK_FIELDS}
        size += len(dump_json(full))
        tasks.append({"id": task.id} if size > MAX_BYTES else full)
    return {"tasks": tasks, "truncated": size > MAX_BYTES}
