"""/api/projects/N/exports: a project's tasks as they were once, to be had later."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput, StorageError
from labeldock.services import access
from labeldock.services.access import Permission
from labeldock.services.exporting import snapshots
from labeldock.services.exporting.selection import Selection
from labeldock.services.exporting.snapshots import SnapshotView
from labeldock.web.api.exports import FORMATS, FormatName, iterate_content
from labeldock.web.api.people import PersonShape, shape_person
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query
from labeldock.web.operations import FILE, Content, operation
from labeldock.web.rendering import render_json, render_nothing

_NUMBERS: Final = {name: number for number, name in enumerate(FORMATS, 1)}
_ANNOTATED: Final = {"only_with_annotations": True, "annotated": "only"}


class SnapshotBody(Body):
    """What is to be kept."""

    title: str = ""
    task_filter_options: dict[str, Any] | None = Field(
        default=None,
        description='`{"annotated": "only"}` leaves out what nobody annotated.',
    )


class ConversionBody(Body):
    """A format that somebody is going to ask for."""

    export_type: FormatName


class DownloadQuery(Query):
    """Which format."""

    format: FormatName | None = Field(default=None, alias="exportType")
    export_type: FormatName | None = None


class ConvertedShape(TypedDict):
    """A format that a snapshot can be had in."""

    id: int
    export_type: str
    status: str


class SnapshotShape(TypedDict):
    """A snapshot."""

    id: int
    title: str
    project: int
    created_by: PersonShape | None
    created_at: datetime
    finished_at: datetime
    status: str
    md5: str
    size: int
    counters: dict[str, int]
    converted_formats: list[ConvertedShape]


class ConversionShape(TypedDict):
    """The format that was asked for; it is there already."""

    export_type: str
    converted_format: int


def list_routes() -> list[Route]:
    """The routes of this module."""
    path = "/api/projects/{id:int}/exports"
    one = f"{path}/{{export_id:int}}"
    return [
        build_route(path, GET=list_exports, POST=create_export),
        build_route(one, GET=get_export, DELETE=delete_export),
        build_route(f"{one}/download", GET=download_export),
        build_route(f"{one}/convert", POST=convert_export),
    ]


@operation(Permission.VIEW, returns=list[SnapshotShape], tag="projects")
def list_exports(call: Call) -> Response:
    """The snapshots of a project, newest first."""
    found = snapshots.list_snapshots(call.app, call.principal, call.path_id())
    return render_json(_shape(call, *found))


@operation(
    Permission.MANAGE,
    returns=SnapshotShape,
    status=201,
    errors=(StorageError,),
    tag="projects",
)
def create_export(call: Call, body: SnapshotBody) -> Response:
    """Keep a project's tasks as they are now; the answer comes when they are kept."""
    options = body.task_filter_options or {}
    selection = Selection(call.path_id(), only_annotated=_wants_annotated(options))
    made = snapshots.create_snapshot(call.app, call.principal, selection, body.title)
    return render_json(_shape(call, made)[0], 201)


def _wants_annotated(options: dict[str, Any]) -> bool:
    """Whether tasks without annotations are left out.

    Raises:
        InvalidInput: tasks are to be chosen in another way.
    """
    wanted = {name: value for name, value in options.items() if value}
    unknown = [name for name in wanted if wanted[name] != _ANNOTATED.get(name)]
    if unknown:
        raise InvalidInput(
            f"Tasks cannot be chosen by {unknown[0][:40]!r}.",
            field="task_filter_options",
            remedy='Give {"annotated": "only"}, or leave it out for all tasks.',
        )
    return bool(wanted)


@operation(Permission.VIEW, returns=SnapshotShape, tag="projects")
def get_export(call: Call) -> Response:
    """One snapshot."""
    found = snapshots.get_snapshot(call.app, call.principal, *_read_place(call))
    return render_json(_shape(call, found)[0])


@operation(Permission.MANAGE, errors=(StorageError,), tag="projects")
def delete_export(call: Call) -> Response:
    """Remove a snapshot."""
    snapshots.remove_snapshot(call.app, call.principal, *_read_place(call))
    return render_nothing()


@operation(
    Permission.VIEW,
    returns=Content(
        {
            media_type: {} if media_type == "application/json" else FILE
            for _, _, media_type in FORMATS.values()
        },
        "The tasks, in the format that was asked for.",
    ),
    errors=(StorageError,),
    tag="projects",
)
def download_export(call: Call, query: DownloadQuery) -> Response:
    """The tasks of a snapshot."""
    form, extension, media_type = FORMATS[query.format or query.export_type or "JSON"]
    place = _read_place(call)
    chunks = snapshots.read_snapshot(call.app, call.principal, place, form)
    first = next(chunks)  # refuses who may not, before the answer has begun
    filename = f"project-{place[0]}-export-{place[1]}.{extension}"
    return StreamingResponse(
        iterate_content(itertools.chain([first], chunks)),
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "filename": filename,  # clients take the name from here
        },
    )


@operation(Permission.VIEW, returns=ConversionShape, tag="projects")
def convert_export(call: Call, body: ConversionBody) -> Response:
    """Have a snapshot in another format: it is made when it is downloaded."""
    snapshots.get_snapshot(call.app, call.principal, *_read_place(call))
    name = body.export_type
    return render_json({"export_type": name, "converted_format": _NUMBERS[name]})


def _read_place(call: Call) -> tuple[int, int]:
    return call.path_id(), call.path_id("export_id")


def _shape(call: Call, *found: SnapshotView) -> list[SnapshotShape]:
    authors = {each.created_by_id for each in found}
    names = access.load_user_names(call.app, {a for a in authors if a is not None})
    return [
        {
            "id": each.id,
            "title": each.title,
            "project": each.project_id,
            "created_by": shape_person(names, each.created_by_id),
            "created_at": each.created_at,
            "finished_at": each.created_at,
            "status": "completed",
            "md5": each.checksum,
            "size": each.size,
            "counters": {"task_number": each.task_count},
            "converted_formats": _list_formats(),
        }
        for each in found
    ]


def _list_formats() -> list[ConvertedShape]:
    return [
        {"id": number, "export_type": name, "status": "completed"}
        for name, number in _NUMBERS.items()
    ]
