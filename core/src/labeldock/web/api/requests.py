"""/api/requests: what somebody asked for in the background, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import quote

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import Conflict
from labeldock.services.backups import requests
from labeldock.services.backups.requests import RequestView
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Query, Reference
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json

_TITLES: Final = {
    ("export", True): "Lightweight backup",
    ("export", False): "Full backup",
}


class RequestQuery(Query):
    """Which requests."""

    project_id: Reference = Field(
        default=None, description="What anybody asked for of it; else what you did."
    )


class OperationShape(TypedDict):
    """What was asked for."""

    type: str
    title: str
    target: str
    project_id: int | None
    task_id: int | None
    lightweight: bool | None
    location: str
    cloud_storage_id: int | None
    is_scheduled: bool


class RequestShape(TypedDict):
    """A request."""

    id: str
    status: str
    progress: float | None
    message: str
    operation: OperationShape
    run: int
    owner: int | None
    filename: str
    size: int | None
    created_date: datetime
    started_date: datetime | None
    finished_date: datetime | None
    expiry_date: datetime | None
    result_url: str | None
    result_key: str | None
    result_id: int | None


class RequestPage(TypedDict):
    """Requests, newest first."""

    count: int
    next: None
    previous: None
    results: list[RequestShape]


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/requests", GET=list_requests),
        build_route("/api/requests/{rq_id}", GET=get_request),
        build_route("/api/requests/{rq_id}/cancel", POST=cancel_request),
    ]


@operation(Need.LOGIN, returns=RequestPage)
def list_requests(call: Call, query: RequestQuery) -> Response:
    """Backups and restores that were asked for, newest first."""
    found = requests.list_requests(
        call.app, call.principal, project_id=query.project_id
    )
    page: RequestPage = {
        "count": len(found),
        "next": None,
        "previous": None,
        "results": [shape_request(each) for each in found],
    }
    return render_json(page)


@operation(Need.LOGIN, returns=RequestShape)
def get_request(call: Call) -> Response:
    """One request: its status, how far it is, and where the result is."""
    found = requests.get_request(call.app, call.principal, _read_id(call))
    return render_json(shape_request(found))


@operation(Need.LOGIN, returns=RequestShape, errors=(Conflict,))
def cancel_request(call: Call) -> Response:
    """Stop what was asked for; when this is answered, nothing more is written."""
    found = requests.cancel_request(call.app, call.principal, _read_id(call))
    return render_json(shape_request(found))


def _read_id(call: Call) -> str:
    return str(call.request.path_params["rq_id"])


def shape_request(view: RequestView) -> RequestShape:
    """A request as JSON values, named as CVAT names them."""
    key = (view.action, bool(view.lightweight))
    return {
        "id": view.id,
        "status": view.status,
        "progress": view.progress,
        "message": view.message,
        "operation": {
            "type": f"{view.action}:backup",
            "title": _TITLES.get(key, "Restore"),
            "target": view.target,
            "project_id": view.project_id,
            "task_id": view.target_id if view.target == "task" else None,
            "lightweight": view.lightweight,
            "location": view.location,
            "cloud_storage_id": view.storage_id,
            "is_scheduled": view.is_scheduled,
        },
        "run": view.run_id,
        "owner": view.owner_id,
        "filename": view.filename,
        "size": view.size,
        "created_date": view.created_at,
        "started_date": view.started_at,
        "finished_date": view.finished_at,
        "expiry_date": view.expires_at,
        "result_url": _find_url(view),
        "result_key": view.result_key or None,
        "result_id": view.result_id,
    }


def _find_url(view: RequestView) -> str | None:
    """Where the archive is to be had; None if it is in a bucket, or not there."""
    if not view.has_file:
        return None
    part = "tasks" if view.target == "task" else "projects"
    number = view.target_id
    return f"/api/{part}/{number}/backup/download?rq_id={quote(view.id, safe='')}"
