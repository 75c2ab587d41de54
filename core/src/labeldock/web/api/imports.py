"""/api/projects/N/import: tasks in the body, as JSON or as files; and predictions.

Files are read and forgotten: nothing is kept of them but their tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import posted_predictions
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import Posted, import_posted
from labeldock.web.endpoints import Call, build_reading_route, build_route
from labeldock.web.rendering import render_json

_FORM: Final = "multipart/form-data"
_KINDS: Final[Mapping[str, Kind]] = {
    "": Kind.JSON,
    "application/json": Kind.JSON,
    "application/x-ndjson": Kind.LINES,
    "application/jsonl": Kind.LINES,
    "text/csv": Kind.CSV,
    "text/tab-separated-values": Kind.TSV,
}


def list_routes() -> list[Route]:
    """The routes of this module."""
    path = "/api/projects/{id:int}/import"
    return [
        build_reading_route(path, _read_files, POST=import_tasks),
        build_route(f"{path}/predictions", POST=import_predictions),
    ]


def import_tasks(call: Call) -> Response:
    """Add tasks, with what was said about them already; all of them, or none."""
    if not call.query_boolean("commit_to_project", default=True):
        raise InvalidInput(
            "Files are not kept without making tasks of them.",
            field="commit_to_project",
            remedy="Leave it out.",
        )
    files: list[Posted] = call.body
    fields = call.request.query_params.getlist("preannotated_from_fields")
    made = import_posted(
        call.app,
        call.principal,
        call.path_id(),
        files,
        prediction_fields=[n for f in fields for n in f.split(",") if n],
        bases=(call.app.settings.public_url, str(call.request.base_url)),
    )
    answer: dict[str, Any] = {
        "task_count": len(made.task_ids),
        "annotation_count": made.annotation_count,
        "prediction_count": made.prediction_count,
        "duration": made.seconds,
        "file_upload_ids": [],
        "could_be_tasks_list": False,
        # Without files it is an empty list to clients, some of which insist on that.
        "found_formats": Counter(map(_find_ending, filter(_has_name, files))) or [],
        "data_columns": made.columns,
    }
    if call.query_boolean("return_task_ids", default=False):
        answer["task_ids"] = made.task_ids
    return render_json(answer, 201)


def import_predictions(call: Call) -> Response:
    """Save what a model says about tasks of the project; all of it, or nothing."""
    count = posted_predictions.import_predictions(
        call.app, call.principal, call.path_id(), call.body
    )
    return render_json({"created": count}, 201)


async def _read_files(request: Request) -> list[Posted]:
    """The files of a request: those of a form, or its body as the only one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        return await _read_form(request)
    if kind not in _KINDS:
        known = ", ".join(filter(None, [*_KINDS, _FORM]))
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


def _find_ending(file: Posted) -> str:
    return "." + file.name.rpartition(".")[2].lower()
