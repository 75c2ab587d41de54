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

import orjson

from labeldock.contract.errors import InvalidInput
from labeldock.db.types import dump_json
from labeldock.services import access, auditing
from labeldock.services.access import Permission, Principal
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext
from labeldock.services.exporting.flat import iterate_rows
from labeldock.services.exporting.payloads import (
    Document,
    encode_document,
    encode_value,
)
from labeldock.services.exporting.selection import (
    Selection,
    decode,
    iterate_data,
    iterate_documents,
)
from labeldock.services.exporting.shown import show_document

MAX_COLUMNS: Final = 1_000


class DumpFormat(StrEnum):
    """How a file of tasks is written.

    JSON: one array. JSONL: one task a line. CSV: one row per annotation, with a column
    for each key of the tasks' data. JSON_MIN, CSV_MIN, TSV_MIN: flat rows, with a
    column for each control of the label config.
    """

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    JSON_MIN = "json_min"
    CSV_MIN = "csv_min"
    TSV_MIN = "tsv_min"


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
    yield from dump_selection(app, principal, Selection(project_id), form)


def dump_selection(
    app: AppContext, principal: Principal, selection: Selection, form: DumpFormat
) -> Iterator[DumpChunk]:
    """The same of some of a project's tasks."""
    with app.database.read() as session:
        access.require(session, principal, selection.project_id, Permission.VIEW)
    _note(app, principal, selection, form)
    yield from _WRITERS[form](app, selection)


def _note(
    app: AppContext, principal: Principal, selection: Selection, form: DumpFormat
) -> None:
    project_id = selection.project_id
    deed = Deed(
        Action.PROJECT_EXPORTED,
        "project",
        project_id,
        project_id=project_id,
        details={"format": form.value},
    )
    auditing.record_alone(app, principal, deed)


def _dump_json(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    return write_array(_iterate_shown(app, selection), count_tasks)


def _iterate_shown(app: AppContext, selection: Selection) -> Iterator[list[Document]]:
    for page in iterate_documents(app, selection):
        yield list(map(show_document, page)) if selection.with_every_key else page


def write_array(
    pages: Iterator[list[Document]], count: Callable[[bytes, list[Document]], DumpChunk]
) -> Iterator[DumpChunk]:
    """Pages of documents as one JSON array."""
    yield DumpChunk(b"[")
    separator = b"\n"
    for page in pages:
        if not page:
            continue
        content = separator + b",\n".join(encode_document(each) for each in page)
        yield count(content, page)
        separator = b",\n"
    yield DumpChunk(b"\n]\n")


def _dump_jsonl(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    for page in _iterate_shown(app, selection):
        lines = b"".join(encode_document(document) + b"\n" for document in page)
        yield count_tasks(lines, page)


def _dump_csv(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    keys = _collect_keys(map(_as_cells, _flatten(iterate_data(app, selection))))
    yield DumpChunk(_render_rows([[*_TASK_CELLS, *map(_name_column, keys), *_CELLS]]))
    for page in iterate_documents(app, selection):
        rows = [row for document in page for row in _build_rows(document, keys)]
        yield count_tasks(_render_rows(rows), page)


def _dump_json_min(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    return write_array(iterate_rows(app, selection), count_rows)


def _dump_csv_min(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    return write_table(lambda: iterate_rows(app, selection), ",")


def _dump_tsv_min(app: AppContext, selection: Selection) -> Iterator[DumpChunk]:
    return write_table(lambda: iterate_rows(app, selection), "\t")


def write_table(
    iterate: Callable[[], Iterator[list[Document]]], delimiter: str
) -> Iterator[DumpChunk]:
    """Pages of flat rows as a table; they are asked for twice, for its head first."""
    names = _collect_keys(_flatten(iterate()))
    yield DumpChunk(_render_rows([names], delimiter))
    for page in iterate():
        rows = [[_show(row.get(name)) for name in names] for row in page]
        yield count_rows(_render_rows(rows, delimiter), page)


_WRITERS: Final = {
    DumpFormat.JSON: _dump_json,
    DumpFormat.JSONL: _dump_jsonl,
    DumpFormat.CSV: _dump_csv,
    DumpFormat.JSON_MIN: _dump_json_min,
    DumpFormat.CSV_MIN: _dump_csv_min,
    DumpFormat.TSV_MIN: _dump_tsv_min,
}


def count_tasks(content: bytes, page: Sequence[Document]) -> DumpChunk:
    annotations = sum(len(document["annotations"]) for document in page)
    return DumpChunk(content, len(page), annotations)


def count_rows(content: bytes, page: Sequence[Document]) -> DumpChunk:
    return DumpChunk(content, len({row["id"] for row in page}), len(page))


# CSV

_TASK_CELLS: Final = ("task_id",)
_CELLS: Final = (
    "annotation_id", "completed_by", "result", "was_cancelled", "ground_truth",
    "lead_time", "created_at", "updated_at",
)  # fmt: skip


def _flatten(pages: Iterable[list[Any]]) -> Iterator[Any]:
    for page in pages:
        yield from page


def _collect_keys(rows: Iterable[Document]) -> list[str]:
    """The keys of all rows, in the order in which they first occur."""
    keys: dict[str, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
        if len(keys) > MAX_COLUMNS:
            raise InvalidInput(
                f"The tasks have more than {MAX_COLUMNS} different keys, too many for "
                "columns.",
                field="format",
                remedy="Export as json or jsonl.",
            )
    return list(keys)


def _as_cells(data: Any) -> Document:  # task data is any JSON
    return data if isinstance(data, dict) else {"": data}


def _name_column(key: str) -> str:
    return f"data.{key}" if key else "data"


def _build_rows(document: Document, keys: Sequence[str]) -> Iterator[list[Any]]:
    data = _as_cells(decode(document["data"]))
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
        case orjson.Fragment():
            return encode_value(value)
        case dict() | list():
            return dump_json(value)
        case None | str() | int() | float():
            return value
        case _:
            return value.isoformat()


def _render_rows(rows: Iterable[Sequence[Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()
