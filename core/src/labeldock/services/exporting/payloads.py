"""What is written to an export storage: an annotation, or a task with all of them.

URIs stay as they are in the task's data; signed URLs are never written. Documents are
taken over from the database as the text that they are stored as.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, String, type_coerce
from sqlmodel import Session, col, select

from labeldock.db.tables import Annotation, Prediction, Task, User
from labeldock.db.types import load_json
from labeldock.services.exporting.keys import Item
from labeldock.services.exporting.kinds import Payload
from labeldock.services.exporting.plans import Plan

Document = dict[str, Any]

_DOCUMENTS: Final = frozenset({"result", "data", "meta"})
_ANNOTATION: Final = (
    "id", "task_id", "project_id", "completed_by_id", "result", "was_cancelled",
    "ground_truth", "lead_time", "created_at", "updated_at", "version",
)  # fmt: skip
_PREDICTION: Final = (
    "id", "task_id", "result", "score", "model_version", "created_at", "updated_at",
)  # fmt: skip
_TASK: Final = (
    "id", "inner_id", "project_id", "data", "meta", "allow_skip", "created_at",
    "updated_at", "version",
)  # fmt: skip


def build_payloads(
    connection: Connection, plan: Plan, items: Sequence[Item]
) -> dict[Item, tuple[bytes, int]]:
    """What is to be written about items, and the version of it; without the deleted.

    A handful of queries, however many items there are.
    """
    documents = build_documents(connection, plan, items)
    return {
        item: (encode_document(document, indent=plan.indent), version)
        for item, (document, version) in documents.items()
    }


def build_documents(
    connection: Connection, plan: Plan, items: Sequence[Item]
) -> dict[Item, tuple[Document, int]]:
    """The same as documents that are not encoded yet."""
    if plan.is_by_task:
        return _build_tasks(connection, [item.task_id for item in items])
    with_task = plan.payload is Payload.ANNOTATION_WITH_TASK
    numbers = [item.number for item in items]
    return _build_annotations(connection, numbers, with_task=with_task)


def encode_document(document: Document, *, indent: bool = False) -> bytes:
    """JSON, compact or indented by two blanks; integers of any size to the digit."""
    if not indent:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    plain = load_json(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
    try:
        return orjson.dumps(plain, option=orjson.OPT_INDENT_2)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(plain, indent=2, ensure_ascii=False).encode()


def encode_value(value: Any) -> str | None:
    """The JSON text of a part of a document; None for nothing."""
    return None if value is None else orjson.dumps(value).decode()


def build_annotation(session: Session, annotation_id: int) -> bytes | None:
    """One annotation as JSON; None if it was deleted meanwhile."""
    found = _build_annotations(session.connection(), [annotation_id], with_task=False)
    return next((encode_document(document) for document, _ in found.values()), None)


def build_task(session: Session, task_id: int) -> bytes | None:
    """A task with its annotations and predictions as JSON; None if it was deleted.

    Importing such a file gives the task with its annotations again.
    """
    found = _build_tasks(session.connection(), [task_id])
    return next((encode_document(document) for document, _ in found.values()), None)


def describe_tasks(
    connection: Connection, task_ids: Sequence[int]
) -> dict[int, Document]:
    """Tasks with everything said about them, in four queries however many they are."""
    found = _build_tasks(connection, task_ids)
    return {item.task_id: document for item, (document, _) in found.items()}


def _build_annotations(
    connection: Connection, numbers: Sequence[int], *, with_task: bool
) -> dict[Item, tuple[Document, int]]:
    rows = _read(connection, Annotation, _ANNOTATION, "id", numbers)
    people = _name_people(connection, rows)
    tasks = {}
    if with_task:
        found = _read(connection, Task, _TASK, "id", {row["task_id"] for row in rows})
        tasks = {row["id"]: row for row in found}
    built = {}
    for row in rows:
        document, version = _shape_annotation(row, people), row["version"]
        if with_task:
            task = tasks[row["task_id"]]
            document["task"] = _shape_data(task)
            version += task["version"]
        built[Item(row["task_id"], row["id"])] = document, version
    return built


def _build_tasks(
    connection: Connection, task_ids: Sequence[int]
) -> dict[Item, tuple[Document, int]]:
    tasks = _read(connection, Task, _TASK, "id", task_ids)
    annotations = _read(connection, Annotation, _ANNOTATION, "task_id", task_ids)
    predictions = _read(connection, Prediction, _PREDICTION, "task_id", task_ids)
    people = _name_people(connection, annotations)
    said = _group(annotations, lambda row: _shape_annotation(row, people))
    predicted = _group(predictions, _shape_prediction)
    return {
        Item(task["id"], None): (
            {
                **_shape_data(task),
                "updated_at": task["updated_at"],
                "annotations": said.get(task["id"], []),
                "predictions": predicted.get(task["id"], []),
            },
            task["version"],
        )
        for task in tasks
    }


def _read(
    connection: Connection,
    table: Any,
    names: Sequence[str],
    column: str,
    numbers: Iterable[int],
) -> Sequence[RowMapping]:
    columns = [
        type_coerce(getattr(table, name), String).label(name)
        if name in _DOCUMENTS
        else getattr(table, name)
        for name in names
    ]
    query = select(*columns).where(getattr(table, column).in_(list(numbers)))
    return connection.execute(query.order_by(table.id)).mappings().all()


def _group(rows: Iterable[RowMapping], shape: Any) -> dict[int, list[Document]]:
    grouped: dict[int, list[Document]] = {}
    for row in rows:
        grouped.setdefault(row["task_id"], []).append(shape(row))
    return grouped


def _name_people(
    connection: Connection, annotations: Iterable[RowMapping]
) -> Mapping[int, Document]:
    ids = {row["completed_by_id"] for row in annotations} - {None}
    if not ids:
        return {}
    query = select(
        col(User.id), col(User.email), col(User.first_name), col(User.last_name)
    ).where(col(User.id).in_(ids))
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}


def _shape_data(row: RowMapping) -> Document:
    """What a task is, without what changes whenever somebody annotates it."""
    return {
        "id": row["id"],
        "inner_id": row["inner_id"],
        "project": row["project_id"],
        "data": _quote(row["data"]),
        "meta": _quote(row["meta"]),
        "allow_skip": row["allow_skip"],
        "created_at": row["created_at"],
    }


def _shape_annotation(row: RowMapping, people: Mapping[int, Document]) -> Document:
    return {
        "id": row["id"],
        "task": row["task_id"],
        "project": row["project_id"],
        "completed_by": people.get(row["completed_by_id"]),
        "result": _quote(row["result"]),
        "was_cancelled": row["was_cancelled"],
        "ground_truth": row["ground_truth"],
        "lead_time": row["lead_time"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _shape_prediction(row: RowMapping) -> Document:
    return {
        "id": row["id"],
        "result": _quote(row["result"]),
        "score": row["score"],
        "model_version": row["model_version"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _quote(text: str | None) -> Any:  # JSON text inside of JSON
    return None if text is None else orjson.Fragment(text)
