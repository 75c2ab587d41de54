"""/api/projects/N/export: the annotated tasks of a project as one file, streamed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects
from labeldock.services.access import Permission
from labeldock.services.exporting.dump import DumpFormat, dump_selection
from labeldock.services.exporting.selection import Selection
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.inputs import Query, Switch
from labeldock.web.operations import FILE, Content, operation
from labeldock.web.rendering import render_json

FORMATS: Final = {
    "JSON": (DumpFormat.JSON, "json", "application/json"),
    "JSON_MIN": (DumpFormat.JSON_MIN, "json", "application/json"),
    "JSONL": (DumpFormat.JSONL, "jsonl", "application/x-ndjson"),
    "CSV": (DumpFormat.CSV_MIN, "csv", "text/csv"),
    "TSV": (DumpFormat.TSV_MIN, "tsv", "text/tab-separated-values"),
}
"""By the name that clients ask for: the format, the extension, the content type."""


_ABOUT: Final = {
    "JSON": "All that is known of the tasks, as one array.",
    "JSON_MIN": "A flat object for each annotation, with a key for each control.",
    "JSONL": "The same as JSON, with a task on each line.",
    "CSV": "A row for each annotation, with a column for each control.",
    "TSV": "The same as CSV, with tabs between the columns.",
}


_NAMES: Final = WithJsonSchema({"type": "string", "enum": list(FORMATS)})
_DOCUMENTS: Final = {"type": "array", "items": {"type": "object"}}


def _parse_format(value: object) -> str:
    name = str(value)
    if name not in FORMATS:
        raise InvalidInput(
            f"There is no export format {name[:40]!r}.",
            remedy="Choose one of " + ", ".join(FORMATS) + ".",
        )
    return name


def _parse_ids(texts: list[str]) -> list[int]:
    numbers = [n for text in texts for n in re.split(r"[,\s]+", text) if n]
    return [parse_integer(number, "ids") for number in numbers]


FormatName = Annotated[str, BeforeValidator(_parse_format), _NAMES]
Numbers = Annotated[list[int], BeforeValidator(_parse_ids)]


class ExportQuery(Query):
    """Which tasks, in which format."""

    format: FormatName | None = Field(default=None, alias="exportType")
    export_type: FormatName | None = Field(default=None, description="As `exportType`.")
    download_all_tasks: Switch = Field(
        default=False, description="Those without annotations, too."
    )
    ids: Numbers = Field(default=[], description="These tasks alone.")
    ids_: Numbers = Field(default=[], alias="ids[]", description="As `ids`.")


class FormatShape(TypedDict):
    """A format that can be asked for."""

    name: str
    title: str
    description: str
    disabled: bool


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/projects/{id:int}/export", GET=export_project),
        build_route("/api/projects/{id:int}/export/formats", GET=list_formats),
    ]


@operation(Permission.VIEW, returns=list[FormatShape])
def list_formats(call: Call) -> Response:
    """The names of the formats, and what they are."""
    projects.get_project(call.app, call.principal, call.path_id())
    return render_json(
        [
            {
                "name": name,
                "title": name,
                "description": _ABOUT[name],
                "disabled": False,
            }
            for name in FORMATS
        ]
    )


@operation(
    Permission.VIEW,
    returns=Content(
        {
            "application/json": _DOCUMENTS,
            "application/x-ndjson": FILE,
            "text/csv": FILE,
            "text/tab-separated-values": FILE,
        },
        "The tasks, in the format that was asked for.",
    ),
)
def export_project(call: Call, query: ExportQuery) -> Response:
    """The annotated tasks of a project, or all, or those that are named."""
    name = query.format or query.export_type or "JSON"
    form, extension, media_type = FORMATS[name]
    selection = Selection(
        call.path_id(),
        only_annotated=not query.download_all_tasks,
        task_ids=[*query.ids_, *query.ids] if _names_tasks(call) else None,
        with_every_key=True,
    )
    chunks = dump_selection(call.app, call.principal, selection, form)
    first = next(chunks)  # refuses who may not, before the answer has begun
    content = itertools.chain([first], chunks)
    filename = _name_file(selection.project_id, extension)
    return StreamingResponse(
        iterate_content(content),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "filename": filename,  # clients take the name from here
        },
    )


def iterate_content(chunks: Iterator[tuple[bytes, int, int]]) -> Iterator[bytes]:
    """The bytes of the pieces of a file."""
    for content, *_ in chunks:
        yield content


def _name_file(project_id: int, extension: str) -> str:
    time = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
    return f"project-{project_id}-at-{time}.{extension}"


def _names_tasks(call: Call) -> bool:
    """An empty list of tasks is none of them, not all."""
    return not {"ids", "ids[]"}.isdisjoint(call.request.query_params)
