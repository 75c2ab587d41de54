"""A project's tasks and annotations as one file, page by page, in flat memory.

Nothing is delivered here: this is what somebody takes home, as JSON, JSON lines or CSV.
URIs stay as they are in the task's data.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlmodel import Session, col, select, tuple_

from labeldock.contract.errors import InvalidInput
from labeldock.db.tables import Task
from labeldock.db.types import dump_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting.payloads import describe_tasks

PAGE: Final = 500
MAX_COLUMNS: Final = 1_000

Document = dict[str, Any]


class DumpFormat(StrEnum):
    """How a file of tasks is written.

    JSON: one array. JSONL: one task a line. CSV: one row per annotation, with a column
    for each key of the tasks' data.
    """

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class DumpChunk(NamedTuple):
    """A piece of the file, and how many tasks and annotations are in it."""

    content: bytes
    tasks: int = 0
    annotations: int = 0


def dump_project(
    app: AppContext, principal: Principal, project_id: int, form: DumpFormat
) -> Iterator[DumpChunk]:
    """The file, in pieces; tasks in their order.

    Permission is checked when the first piece is asked for.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: CSV, and the tasks have more than 1,000 different keys.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
    yield from _WRITERS[form](app, project_id)


def _dump_json(app: AppContext, project_id: int) -> Iterator[DumpChunk]:
    yield DumpChunk(b"[")
    separator = b"\n"
    for page in _iterate_pages(app, project_id, describe_tasks):
        content = separator + b",\n".join(_encode(document) for document in page)
        yield _count(content, page)
        separator = b",\n"
    yield DumpChunk(b"\n]\n")


def _dump_jsonl(app: AppContext, project_id: int) -> Iterator[DumpChunk]:
    for page in _iterate_pages(app, project_id, describe_tasks):
        yield _count(b"".join(_encode(each) + b"\n" for each in page), page)


def _dump_csv(app: AppContext, project_id: int) -> Iterator[DumpChunk]:
    keys = _collect_keys(app, project_id)
    yield DumpChunk(_render_rows([[*_TASK_CELLS, *map(_name_column, keys), *_CELLS]]))
    for page in _iterate_pages(app, project_id, describe_tasks):
        rows = [row for document in page for row in _build_rows(document, keys)]
        yield _count(_render_rows(rows), page)


_WRITERS: Final = {
    DumpFormat.JSON: _dump_json,
    DumpFormat.JSONL: _dump_jsonl,
    DumpFormat.CSV: _dump_csv,
}


def _iterate_pages(
    app: AppContext,
    project_id: int,
    read: Callable[[Session, Sequence[Task]], list[Any]],
) -> Iterator[list[Any]]:
    """What `read` makes of the tasks, a page in each transaction."""
    after = (0, 0)
    while True:
        with app.database.read() as session:
            tasks = _load_page(session, project_id, after)
            page = read(session, tasks)
        if page:
            yield page
        if len(tasks) < PAGE:
            return
        after = (tasks[-1].inner_id, tasks[-1].id)


def _load_page(
    session: Session, project_id: int, after: tuple[int, int]
) -> Sequence[Task]:
    place = tuple_(col(Task.inner_id), col(Task.id))
    query = (
        select(Task)
        .where(Task.project_id == project_id, place > after)
        .order_by(col(Task.inner_id), col(Task.id))
        .limit(PAGE)
    )
    return session.exec(query).all()


def _encode(document: Document) -> bytes:
    return dump_json(document).encode()


def _count(content: bytes, page: Sequence[Document]) -> DumpChunk:
    annotations = sum(len(document["annotations"]) for document in page)
    return DumpChunk(content, len(page), annotations)


# CSV

_TASK_CELLS: Final = ("task_id",)
_CELLS: Final = (
    "annotation_id", "completed_by", "result", "was_cancelled", "ground_truth",
    "lead_time", "created_at", "updated_at",
)  # fmt: skip


def _collect_keys(app: AppContext, project_id: int) -> list[str]:
    """The keys of the tasks' data, in the order in which they first occur."""
    keys: dict[str, None] = {}
    for page in _iterate_pages(app, project_id, _read_data):
        for data in page:
            keys.update(dict.fromkeys(data))
        if len(keys) > MAX_COLUMNS:
            raise InvalidInput(
                f"The tasks have more than {MAX_COLUMNS} different keys, too many for "
                "columns.",
                field="format",
                remedy="Export as json or jsonl.",
            )
    return list(keys)


def _read_data(_session: Session, tasks: Sequence[Task]) -> list[Document]:
    return [_as_cells(task.data) for task in tasks]


def _as_cells(data: Any) -> Document:  # task data is any JSON
    return data if isinstance(data, dict) else {"": data}


def _name_column(key: str) -> str:
    return f"data.{key}" if key else "data"


def _build_rows(document: Document, keys: Sequence[str]) -> Iterator[list[Any]]:
    data = _as_cells(document["data"])
    task = [document["id"], *(_show(data.get(key)) for key in keys)]
    for annotation in document["annotations"] or [{}]:
        user = annotation.get("completed_by") or {}
        cells = {**annotation, "annotation_id": annotation.get("id")}
        cells["completed_by"] = user.get("email")
        yield [*task, *(_show(cells.get(name)) for name in _CELLS)]


def _show(value: Any) -> Any:  # what a cell can hold
    match value:
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return dump_json(value)
        case None | str() | int() | float():
            return value
        case _:
            return value.isoformat()


def _render_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
