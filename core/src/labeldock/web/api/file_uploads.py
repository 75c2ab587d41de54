"""/api/projects/N/file-uploads and /api/import/file-upload: what was uploaded."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import StorageError
from labeldock.services import uploaded_files
from labeldock.services.access import Permission
from labeldock.services.uploaded_files import UploadView
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing


class DeletionBody(Body):
    """Which files."""

    file_upload_ids: list[Whole] | None = Field(
        default=None, description="Left out: all of the project."
    )


class UploadShape(TypedDict):
    """A file that was uploaded."""

    id: int
    file: str
    size: int
    created_at: datetime


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(
            "/api/projects/{id:int}/file-uploads",
            GET=list_uploads,
            DELETE=delete_uploads,
        ),
        build_route(
            "/api/import/file-upload/{id:int}", GET=get_upload, DELETE=delete_upload
        ),
    ]


@operation(Permission.VIEW, returns=list[UploadShape], tag="projects")
def list_uploads(call: Call) -> Response:
    """The files that were uploaded to a project, oldest first."""
    found = uploaded_files.list_uploads(call.app, call.principal, call.path_id())
    return render_json([_shape(upload) for upload in found])


@operation(
    Permission.MANAGE,
    returns=dict[str, int],
    errors=(StorageError,),
    tag="projects",
)
def delete_uploads(call: Call, body: DeletionBody) -> Response:
    """Remove files; tasks that were made of them stay."""
    count = uploaded_files.remove_uploads(
        call.app, call.principal, call.path_id(), body.file_upload_ids
    )
    return render_json({"deleted": count})


@operation(Permission.VIEW, returns=UploadShape, tag="projects")
def get_upload(call: Call) -> Response:
    """One file that was uploaded."""
    found = uploaded_files.get_upload(call.app, call.principal, call.path_id())
    return render_json(_shape(found))


@operation(Permission.MANAGE, errors=(StorageError,), tag="projects")
def delete_upload(call: Call) -> Response:
    """Remove a file; tasks that were made of it stay."""
    uploaded_files.remove_upload(call.app, call.principal, call.path_id())
    return render_nothing()


def _shape(upload: UploadView) -> UploadShape:
    return {
        "id": upload.id,
        "file": f"upload/{upload.project_id}/{upload.name}",
        "size": upload.size,
        "created_at": upload.created_at,
    }
