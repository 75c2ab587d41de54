"""/api/projects/N/import: tasks in the body, as JSON or as files; and predictions.

Files of tasks are read and forgotten: nothing is kept of them but their tasks. Other
files (pictures, sound) are kept, and each is a task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, NotRequired

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput, StorageError
from labeldock.services import posted_predictions
from labeldock.services.access import Permission
from labeldock.services.fetching import fetch_file
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.services.reimporting import import_kept, keep_for_later
from labeldock.services.uploading import is_media, keep_uploads
from labeldock.web.bodies import read_form
from labeldock.web.endpoints import Call, build_reading_route, build_route
from labeldock.web.inputs import Body, Query, Switch, Whole
from labeldock.web.operations import FILE, Content, operation
from labeldock.web.rendering import render_json

_FORM: Final = "multipart/form-data"
_FIELDS: Final = "application/x-www-form-urlencoded"
_KINDS: Final[Mapping[str, Kind]] = {
    "": Kind.JSON,
    "application/json": Kind.JSON,
    "application/x-ndjson": Kind.LINES,
    "application/jsonl": Kind.LINES,
    "text/csv": Kind.CSV,
    "text/tab-separated-values": Kind.TSV,
}
_TABLES: Final = {Kind.CSV, Kind.TSV}


_TASK: Final = {
    "type": "object",
    "description": "A task: its data, or `data` with `annotations`, `predictions`.",
    "examples": [{"image": "s3://bucket/gull.jpg"}],
}
_TASKS: Final = {"anyOf": [_TASK, {"type": "array", "items": _TASK}]}
_FILES: Final = Content({
    "application/json": _TASKS,
    "application/x-ndjson": FILE,
    "application/jsonl": FILE,
    "text/csv": FILE,
    "text/tab-separated-values": FILE,
    _FORM: {"type": "object", "properties": {"file": FILE}},
    _FIELDS: {"type": "object", "properties": {"url": {"type": "string"}}},
})  # fmt: skip
_PREDICTIONS: Final = Content({
    "application/json": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "task": {"type": "integer"},
                "result": {"type": "array", "items": {"type": "object"}},
                "score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "model_version": {"type": "string"},
            },
        },
    }
})  # fmt: skip


def _split(texts: list[str]) -> list[str]:
    return [name for text in texts for name in text.split(",") if name]


class ImportQuery(Query):
    """What is done with the tasks."""

    commit_to_project: Switch = Field(
        default=True,
        description="Make tasks of the files; otherwise they are kept for `reimport`.",
    )
    return_task_ids: Switch = Field(
        default=False, description="Answer with the numbers of the tasks, too."
    )
    preannotated_from_fields: Annotated[
        list[str], BeforeValidator(_split), WithJsonSchema({"type": "string"})
    ] = Field(
        default=[], description="Columns that hold predictions, with commas between."
    )


class ReimportBody(Body):
    """Which files."""

    file_upload_ids: list[Whole] = Field(
        default_factory=list, description="What an import answered with."
    )


class ImportedShape(TypedDict):
    """What was added."""

    task_count: int
    annotation_count: int | None
    prediction_count: int | None
    duration: float
    file_upload_ids: list[int]
    could_be_tasks_list: bool
    found_formats: dict[str, int] | list[str]
    data_columns: list[str]
    task_ids: NotRequired[list[int]]


def list_routes() -> list[Route]:
    """The routes of this module."""
    path = "/api/projects/{id:int}/import"
    return [
        build_reading_route(path, _read_files, POST=import_tasks),
        build_route(f"{path}/predictions", POST=import_predictions),
        build_route("/api/projects/{id:int}/reimport", POST=reimport_tasks),
    ]


@operation(Permission.MANAGE, returns=ImportedShape, status=201, body=_FILES)
def import_tasks(call: Call, query: ImportQuery) -> Response:
    """Add tasks, with what was said about them already; all of them, or none."""
    files = _fetch(call) if isinstance(call.body, _Address) else call.body
    if not query.commit_to_project:
        return _keep(call, files)
    media = [file for file in files if is_media(file)]
    place = call.app, call.principal, call.path_id()
    with keep_uploads(*place, media) as kept:
        of_tasks = [file for file in files if not is_media(file)]
        made = import_posted(
            *place,
            [*of_tasks, kept.tasks] if media else of_tasks,
            prediction_fields=query.preannotated_from_fields,
            bases=_list_bases(call),
        )
    answer: ImportedShape = {
        "task_count": len(made.task_ids),
        "annotation_count": made.annotation_count,
        "prediction_count": made.prediction_count,
        "duration": made.seconds,
        "file_upload_ids": kept.ids,
        "could_be_tasks_list": False,
        "found_formats": _count_formats(files),
        "data_columns": list(made.columns),
    }
    if query.return_task_ids:
        answer["task_ids"] = list(made.task_ids)
    return render_json(answer, 201)


def _keep(call: Call, files: list[Posted]) -> Response:
    kept = keep_for_later(
        call.app, call.principal, call.path_id(), files, _list_bases(call)
    )
    answer: ImportedShape = {
        "task_count": kept.task_count,
        "annotation_count": None,
        "prediction_count": None,
        "duration": 0.0,
        "file_upload_ids": kept.ids,
        "could_be_tasks_list": any(map(_is_table, files)),
        "found_formats": _count_formats(files),
        "data_columns": list(kept.columns),
    }
    return render_json(answer, 201)


@operation(Permission.MANAGE, returns=ImportedShape, status=201, errors=(StorageError,))
def reimport_tasks(call: Call, body: ReimportBody) -> Response:
    """Make tasks of files that were kept; all of them, or none."""
    place = call.app, call.principal, call.path_id()
    made = import_kept(*place, body.file_upload_ids, _list_bases(call))
    answer: ImportedShape = {
        "task_count": len(made.task_ids),
        "annotation_count": made.annotation_count,
        "prediction_count": made.prediction_count,
        "duration": made.seconds,
        "file_upload_ids": body.file_upload_ids,
        "could_be_tasks_list": False,
        "found_formats": [],
        "data_columns": list(made.columns),
    }
    return render_json(answer, 201)


def _list_bases(call: Call) -> tuple[str, str]:
    return call.app.settings.public_url, str(call.request.base_url)


@operation(Permission.MANAGE, returns=dict[str, int], status=201, body=_PREDICTIONS)
def import_predictions(call: Call) -> Response:
    """Save what a model says about tasks of the project; all of it, or nothing."""
    count = posted_predictions.import_predictions(
        call.app, call.principal, call.path_id(), call.body
    )
    return render_json({"created": count}, 201)


@dataclass(frozen=True, slots=True)
class _Address:
    """Where the file is to be fetched."""

    url: str


def _fetch(call: Call) -> list[Posted]:
    url = call.body.url
    if not url:
        raise InvalidInput(
            "This field is required.",
            field="url",
            remedy="Give the address of a file of tasks.",
        )
    found = fetch_file(call.app, call.principal, call.path_id(), url)
    is_told = "." in found.name  # else the content type has to tell what it is
    kind = None if is_told else _KINDS.get(found.content_type)
    return [Posted(found.name, found.content, kind)]


async def _read_files(request: Request) -> list[Posted] | _Address:
    """The files of a request: those of a form, or its body as the only one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        return await _read_form(request)
    if kind == _FIELDS:
        return _Address((await read_form(request)).get("url", "").strip())
    if kind not in _KINDS:
        known = ", ".join(filter(None, [*_KINDS, _FORM, _FIELDS]))
        detail = f'Unsupported media type "{kind}" in request; send {known}.'
        raise HTTPException(415, detail)
    return [Posted("", await request.body(), _KINDS[kind])]


async def _read_form(request: Request) -> list[Posted]:
    async with request.form() as form:
        files = [
            Posted(value.filename or "", await value.read())
            for _, value in form.multi_items()
            if isinstance(value, UploadFile)
        ]
    if not files:
        raise InvalidInput(
            "There is no file in the form.",
            field="file",
            remedy="Send tasks as a file, or as JSON.",
        )
    return files


def _has_name(file: Posted) -> bool:
    return bool(file.name)


def _count_formats(files: list[Posted]) -> dict[str, int] | list[str]:
    """How many files of each ending; to clients an empty list if there are none."""
    return dict(Counter(map(_find_ending, filter(_has_name, files)))) or []


def _is_table(file: Posted) -> bool:
    return file.kind in _TABLES or _find_ending(file) in {".csv", ".tsv", ".txt"}


def _find_ending(file: Posted) -> str:
    return "." + file.name.rpartition(".")[2].lower()
