"""/api/projects/N/export: the annotated tasks of a project as one file, streamed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects
from labeldock.services.exporting.dump import DumpFormat, dump_selection
from labeldock.services.exporting.selection import Selection
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.rendering import render_json

_FORMATS: Final = {
    "JSON": (DumpFormat.JSON, "json", "application/json"),
    "JSON_MIN": (DumpFormat.JSON_MIN, "json", "application/json"),
    "JSONL": (DumpFormat.JSONL, "jsonl", "application/x-ndjson"),
    "CSV": (DumpFormat.CSV_MIN, "csv", "text/csv"),
    "TSV": (DumpFormat.TSV_MIN, "tsv", "text/tab-separated-values"),
}
"""By the name that clients ask for: the format, the extension, the content type."""


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/projects/{id:int}/export", GET=export_project),
        build_route("/api/projects/{id:int}/export/formats", GET=list_formats),
    ]


def list_formats(call: Call) -> Response:
    """The names of the formats, and what they are."""
    projects.get_project(call.app, call.principal, call.path_id())
    return render_json([{"name": name, "title": name} for name in _FORMATS])


def export_project(call: Call) -> Response:
    """The annotated tasks of a project, or all, or those that are named."""
    name = call.query_text("exportType") or call.query_text("export_type") or "JSON"
    if name not in _FORMATS:
        raise InvalidInput(
            f"There is no export format {name[:40]!r}.",
            field="exportType",
            remedy="Choose one of " + ", ".join(_FORMATS) + ".",
        )
    form, extension, media_type = _FORMATS[name]
    selection = Selection(
        call.path_id(),
        only_annotated=not call.query_boolean("download_all_tasks", default=False),
        task_ids=_read_ids(call),
    )
    chunks = dump_selection(call.app, call.principal, selection, form)
    first = next(chunks)  # refuses who may not, before the answer has begun
    content = itertools.chain([first], chunks)
    filename = _name_file(selection.project_id, extension)
    return StreamingResponse(
        _iterate(content),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "filename": filename,  # clients take the name from here
        },
    )


def _iterate(chunks: Iterator[tuple[bytes, int, int]]) -> Iterator[bytes]:
    for content, *_ in chunks:
        yield content


def _name_file(project_id: int, extension: str) -> str:
    time = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
    return f"project-{project_id}-at-{time}.{extension}"


def _read_ids(call: Call) -> list[int] | None:
    query = call.request.query_params
    given = [*query.getlist("ids[]"), *query.getlist("ids")]
    texts = [text for each in given for text in re.split(r"[,\s]+", each) if text]
    return [parse_integer(text, "ids") for text in texts] if given else None
