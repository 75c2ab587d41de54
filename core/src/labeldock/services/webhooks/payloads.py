"""The bodies of webhook messages, built when they are sent."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlmodel import Session, col, select

from labeldock.db.messages import Webhook, WebhookDelivery
from labeldock.db.tables import Annotation, Project, Storage, Task
from labeldock.db.types import dump_json
from labeldock.services.webhooks.outbox import Action

MAX_BYTES: Final = 1024 * 1024
"""Largest body; tasks that do not fit are named by their numbers alone."""

_TASK_FIELDS: Final = (
    "id", "data", "meta", "inner_id", "overlap", "is_labeled", "total_annotations",
    "cancelled_annotations", "total_predictions", "created_at", "updated_at",
)  # fmt: skip
_ANNOTATION_FIELDS: Final = (
    "id", "result", "was_cancelled", "ground_truth", "lead_time", "created_at",
    "updated_at",
)  # fmt: skip
_PROJECT_FIELDS: Final = (
    "id", "title", "description", "label_config", "maximum_annotations", "created_at",
    "updated_at", "task_number", "finished_task_number", "total_annotations_number",
    "total_predictions_number",
)  # fmt: skip
_ABOUT_PROJECTS: Final = {Action.PROJECT_CREATED, Action.PROJECT_UPDATED}


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
    if delivery.action in _ABOUT_PROJECTS:
        body["project"] |= _describe_whole_project(session, delivery.project_id)
    return dump_json(body | _describe_annotations(session, payload)).encode()


def _describe_project(session: Session, project_id: int) -> dict[str, Any]:
    project = session.get(Project, project_id)
    return {"id": project_id, "title": project.title if project else None}


def _describe_whole_project(session: Session, project_id: int) -> dict[str, Any]:
    project = session.get(Project, project_id)
    return project.model_dump(include=set(_PROJECT_FIELDS)) if project else {}


def _describe_annotations(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """The part that says something of annotations, or of what is gone; often none."""
    if "gone_task_ids" in payload:
        return {"tasks": [{"id": each} for each in payload["gone_task_ids"]]}
    if "gone_annotation_ids" in payload:
        gone = payload["gone_annotation_ids"]
        return {"annotations": [{"id": each} for each in gone]}
    if "annotation_id" in payload:
        found, is_short = _load_annotations(session, [payload["annotation_id"]])
        about = _describe_tasks(session, [payload["task_id"]])
        return {
            "annotation": found[0] if found else {"id": payload["annotation_id"]},
            "task": next(iter(about["tasks"]), {"id": payload["task_id"]}),
            "truncated": is_short or about["truncated"],
        }
    if "annotation_ids" in payload:
        found, is_short = _load_annotations(session, payload["annotation_ids"])
        about = _describe_tasks(session, sorted({each["task"] for each in found}))
        return {
            "annotation": found,
            "task": about["tasks"],
            "truncated": is_short or about["truncated"],
        }
    return {}


def _load_annotations(
    session: Session, ids: list[int]
) -> tuple[list[dict[str, Any]], bool]:
    """Those that are there still; and whether some are named by their numbers alone."""
    query = select(Annotation).where(col(Annotation.id).in_(ids))
    found: list[dict[str, Any]] = []
    size = 0
    for row in session.exec(query.order_by(col(Annotation.id))):
        about = {"id": row.id, "task": row.task_id, "project": row.project_id}
        full = {
            **about,
            **{name: getattr(row, name) for name in _ANNOTATION_FIELDS},
            "completed_by": row.completed_by_id,
            "updated_by": row.updated_by_id,
        }
        size += len(dump_json(full))
        found.append(about if size > MAX_BYTES else full)
    return found, size > MAX_BYTES


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
