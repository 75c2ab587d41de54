"""Which tasks a backup is about, in order, page by page; within one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import and_, col, select, tuple_

from labeldock.db.tables import Task
from labeldock.services.backups.format import Scope
from labeldock.services.context import AppContext

PAGE: Final = 5000
_NAMED: Final = 500
_AHEAD: Final = 200  # rows at a time; each may be large
_place: Final = tuple_(col(Task.inner_id), col(Task.id))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tasks of a backup: those of a project, or some of them, by number."""

    project_id: int
    task_ids: Sequence[int] | None = None
    scope: Scope = "project"


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks that follow one another: their positions, and how to find them."""

    positions: dict[int, int]
    condition: Any


@contextmanager
def open_snapshot(app: AppContext) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whatever others do."""
    with app.database.engine.connect() as connection:
        if not app.database.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def iterate_pages(connection: Connection, chosen: Chosen) -> Iterator[Page]:
    """The tasks of a backup in their order; positions count from 1."""
    if chosen.task_ids is None:
        yield from _walk_project(connection, chosen.project_id)
    else:
        yield from _walk_named(connection, chosen)


def stream_rows(connection: Connection, query: Any) -> Iterator[Any]:
    """The rows of a query, few at a time.

    That keeps memory flat. It is also quick: many rows that are held at once make the
    garbage collector walk over all that the process has, for half of the whole time.
    """
    result = connection.execute(query, execution_options={"yield_per": _AHEAD})
    try:
        for rows in result.partitions():
            yield from rows
    finally:
        result.close()


def _walk_project(connection: Connection, project_id: int) -> Iterator[Page]:
    of_project = col(Task.project_id) == project_id
    query = select(Task.inner_id, Task.id).where(of_project)
    query = query.order_by(col(Task.inner_id), col(Task.id)).limit(PAGE)
    after, count = (-(2**31), 0), 0
    while True:
        ids, last = [], after
        for inner_id, task_id in stream_rows(connection, query.where(_place > after)):
            ids.append(task_id)
            last = (inner_id, task_id)
        if not ids:
            return
        inside = and_(of_project, _place > after, _place <= last)
        yield Page(_number(ids, count), inside)
        after, count = last, count + len(ids)


def _walk_named(connection: Connection, chosen: Chosen) -> Iterator[Page]:
    ids = sorted(set(chosen.task_ids or ()))
    places: list[tuple[int, int]] = []
    for first in range(0, len(ids), _NAMED):
        query = select(Task.inner_id, Task.id).where(
            Task.project_id == chosen.project_id,
            col(Task.id).in_(ids[first : first + _NAMED]),
        )
        places += [(row[0], row[1]) for row in connection.execute(query)]
    found = [task_id for _, task_id in sorted(places)]
    for first in range(0, len(found), _NAMED):
        part = found[first : first + _NAMED]
        yield Page(_number(part, first), col(Task.id).in_(part))


def _number(ids: Sequence[int], count: int) -> dict[int, int]:
    return {task_id: count + n for n, task_id in enumerate(ids, 1)}
