"""New contents for tasks whose object has changed, where the storage asks for it.

A row of a file is known by its place. If all places that have a task are in the new
file, their tasks get the new data, and rows beyond the last known place become new
tasks. If one is missing, nobody can tell which rows went, and the tasks are left as
they are. Annotations and predictions stay in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, Connection, Text, bindparam, cast, select, update

from labeldock.contract.values import ObjectInfo
from labeldock.db.columns import utc_now
from labeldock.db.tables import ImportLink, Task
from labeldock.services.context import AppContext
from labeldock.services.importing.formats.tasks import ParsedTask, Tasks

_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]
_CHUNK: Final = 500

Place = tuple[int, int]


class NewContent(NamedTuple):
    """What a task is to hold from now on; documents are JSON text."""

    task_id: int
    data: str
    meta: str | None
    allow_skip: bool


class ChosenTasks:
    """Those tasks of a file that stand at the chosen places."""

    def __init__(self, tasks: Tasks, places: Iterable[Place]) -> None:
        """Choose; every place is one of the file's."""
        self._tasks, self._places = tasks, frozenset(places)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[ParsedTask]:
        return (task for task in self._tasks if _place_of(task) in self._places)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What the new content of an object means for its tasks.

    Attributes:
        info: the object as it was listed.
        contents: what tasks are to hold that hold something else now.
        added: rows that have no task yet.
    """

    info: ObjectInfo
    contents: Sequence[NewContent]
    added: ChosenTasks


def match_rows(
    app: AppContext, storage_id: int, info: ObjectInfo, tasks: Tasks
) -> Replacement | None:
    """Compare a file that changed with the tasks that it gave.

    None if a row that has a task, or had one that was to stay away, is not in the file
    any more.
    """
    known = _load_places(app, storage_id, info.key)
    places = {_place_of(task) for task in tasks}
    if not known.keys() <= places:
        return None
    last = max(known)
    added = ChosenTasks(tasks, (p for p in places - known.keys() if p > last))
    return Replacement(info, list(_iterate_changed(app, _pair(known, tasks))), added)


def _pair(
    known: dict[Place, int | None], tasks: Tasks
) -> Iterator[tuple[int, ParsedTask]]:
    """The rows that have a task, and its number."""
    for task in tasks:
        task_id = known.get(_place_of(task))
        if task_id is not None:
            yield task_id, task


def _place_of(task: ParsedTask) -> Place:
    return task.row_group, task.row_index


def _load_places(app: AppContext, storage_id: int, key: str) -> dict[Place, int | None]:
    query = select(_LINK.c.row_group, _LINK.c.row_index, _LINK.c.task_id).where(
        _LINK.c.storage_id == storage_id, _LINK.c.key == key
    )
    with app.database.engine.connect() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _iterate_changed(
    app: AppContext, rows: Iterator[tuple[int, ParsedTask]]
) -> Iterator[NewContent]:
    while chunk := list(islice(rows, _CHUNK)):
        held = _load_contents(app, [task_id for task_id, _ in chunk])
        for task_id, task in chunk:
            content = (task.data, task.meta, task.allow_skip)
            if task_id in held and held[task_id] != content:
                yield NewContent(task_id, *content)


def _load_contents(
    app: AppContext, ids: Sequence[int]
) -> dict[int, tuple[str, str | None, bool]]:
    query = select(
        _TASK.c.id,
        cast(_TASK.c.data, Text),
        cast(_TASK.c.meta, Text),
        cast(_TASK.c.allow_skip, Boolean),
    ).where(_TASK.c.id.in_(ids))
    with app.database.engine.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


def write_replacement(connection: Connection, replacement: Replacement) -> None:
    """Give tasks their new content, and note what the object is like now."""
    if not replacement.contents:
        return
    changed = (
        update(_TASK)
        .where(_TASK.c.id == bindparam("task"))
        .values(
            data=bindparam("new_data", type_=Text),
            meta=bindparam("new_meta", type_=Text),
            allow_skip=bindparam("new_skip"),
            version=_TASK.c.version + 1,
            updated_at=utc_now(),
        )
    )
    names = ("task", "new_data", "new_meta", "new_skip")
    rows: list[dict[str, Any]] = [
        dict(zip(names, content, strict=True)) for content in replacement.contents
    ]
    connection.execute(changed, rows)


def refresh_links(
    connection: Connection, storage_id: int, objects: Sequence[ObjectInfo]
) -> None:
    """Note what objects are like now, so that they count as unchanged."""
    if not objects:
        return
    refreshed = (
        update(_LINK)
        .where(_LINK.c.storage_id == storage_id, _LINK.c.key == bindparam("of_key"))
        .values(
            etag=bindparam("new_etag"),
            size=bindparam("new_size"),
            last_modified=bindparam("new_time"),
            object_changed=False,
        )
    )
    names = ("of_key", "new_etag", "new_size", "new_time")
    rows: list[dict[str, Any]] = [
        dict(zip(names, (i.key, i.etag, i.size, i.last_modified), strict=True))
        for i in objects
    ]
    connection.execute(refreshed, rows)
