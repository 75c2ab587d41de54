"""A page of moved tasks, with what is about them, into the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from labeldock.db.bulk import encode_rows, insert_rows, reserve_ids
from labeldock.db.slots import Reference
from labeldock.db.tables import Annotation, Prediction, Task
from labeldock.services.restoring.people import People

_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_ANNOTATION: Final = Annotation.__table__  # type: ignore[attr-defined]
_PREDICTION: Final = Prediction.__table__  # type: ignore[attr-defined]
_REFERENCE: Final = Reference.__table__  # type: ignore[attr-defined]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MovedTask:
    """A task and the rows about it, by column; who annotated is an e-mail address."""

    task: Values
    annotations: list[Values] = field(default_factory=list)
    predictions: list[Values] = field(default_factory=list)
    references: list[Values] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """The project that rows belong to, numbers of its slots by name, and its people."""

    project_id: int
    slots: Mapping[str, int]
    people: People


def write_page(connection: Connection, place: Place, page: Sequence[MovedTask]) -> None:
    """Insert tasks with all that is about them; in the caller's transaction."""
    ids = reserve_ids(connection, _TASK, len(page))
    pairs = list(zip(ids, page, strict=True))
    project = {"project_id": place.project_id}
    _insert(
        connection,
        _TASK,
        ({"id": i, **project, "version": 1, **moved.task} for i, moved in pairs),
    )
    said = [(i, row) for i, moved in pairs for row in moved.annotations]
    place.people.learn(connection, (row["completed_by"] for _, row in said))
    _insert(
        connection, _ANNOTATION, (_build_annotation(place, i, row) for i, row in said)
    )
    _insert(
        connection,
        _PREDICTION,
        ({"task_id": i, **project, **row} for i, m in pairs for row in m.predictions),
    )
    _insert(
        connection,
        _REFERENCE,
        (_refer(place, i, row) for i, moved in pairs for row in moved.references),
    )


def _build_annotation(place: Place, task_id: int, row: Values) -> Values:
    values = {**row, "completed_by_id": place.people.find(row["completed_by"])}
    del values["completed_by"]
    return {"task_id": task_id, "project_id": place.project_id, "version": 1, **values}


def _refer(place: Place, task_id: int, row: Values) -> Values:
    values = {**row, "slot_id": place.slots[row["slot"]], "task_id": task_id}
    del values["slot"]
    return values


def _insert(connection: Connection, table: Any, rows: Iterable[Values]) -> None:
    listed = list(rows)
    if listed:
        columns = tuple(listed[0])
        plain = [tuple(row[name] for name in columns) for row in listed]
        insert_rows(
            connection, table, columns, encode_rows(connection, table, columns, plain)
        )
