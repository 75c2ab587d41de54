"""/api/projects/N/backup and /api/tasks/N/backup: ask for archives, and plan them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.services.access import Permission
from labeldock.services.backups import asking, plans
from labeldock.services.backups.asking import BackupAsk
from labeldock.services.backups.kinds import DEFAULT, read_lightweight
from labeldock.services.backups.requests import AlreadyRequested
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query, Reference, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing

Lightweight = Annotated[
    bool,
    BeforeValidator(read_lightweight),
    WithJsonSchema({"type": "boolean", "default": DEFAULT}),
]
ABOUT: Final = (
    "Leave media that lie in a cloud storage where they are, and name them only. Such "
    "a backup is small, needs no bucket to be made or restored, and wants its storage "
    "attached again before its media can be seen. Left out: full."
)


class BackupQuery(Query):
    """What is wanted."""

    lightweight: Lightweight = Field(default=DEFAULT, description=ABOUT)
    filename: str | None = Field(
        default=None, description="Of the archive; a key in the bucket may hold `/`."
    )
    location: str | None = Field(
        default=None, description="`local` (if left out) or `cloud_storage`."
    )
    cloud_storage_id: Reference = Field(
        default=None, description="The export storage to write it to."
    )


class SelectionBody(Body):
    """Which tasks."""

    tasks: list[Whole] | None = Field(
        default=None, description="Only these tasks; left out: all."
    )


class RequestedShape(TypedDict):
    """The id to ask for it by."""

    rq_id: str


class AlreadyShape(TypedDict):
    """The request that is at work already."""

    rq_id: str
    detail: str


class KindsShape(TypedDict):
    """Whether a lightweight backup would differ from a full one."""

    lightweight_differs: bool


class PlanBody(Body):
    """When a project is backed up by itself."""

    schedule: str = Field(description="Cron, `@daily`, or `every 6 hours`; in UTC.")
    lightweight: Lightweight = Field(default=DEFAULT, description=ABOUT)
    location: str | None = Field(default=None)
    cloud_storage_id: Reference = Field(default=None)
    filename: str = Field(default="", description="What names begin with.")
    keep_count: Reference = Field(default=None, description="Keep so many.")
    keep_days: Reference = Field(default=None, description="Keep each so long.")
    is_active: bool = Field(default=True)


class PlanShape(TypedDict):
    """The plan of a project."""

    schedule: str
    is_active: bool
    lightweight: bool
    location: str
    cloud_storage_id: int | None
    filename: str
    keep_count: int | None
    keep_days: int | None
    next_run_at: datetime | None
    problem: dict[str, Any] | None


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/projects/{id:int}/backup/export", POST=export_project),
        build_route("/api/tasks/{id:int}/backup/export", POST=export_task),
        build_route("/api/projects/{id:int}/backup/kinds", GET=show_kinds),
        build_route(
            "/api/projects/{id:int}/backup/schedule",
            GET=show_plan,
            PUT=save_plan,
            DELETE=remove_plan,
        ),
    ]


@operation(
    Permission.MANAGE, returns=RequestedShape, status=202, answers={409: AlreadyShape}
)
def export_project(call: Call, query: BackupQuery, body: SelectionBody) -> Response:
    """Ask for a backup of a project, or of some of its tasks.

    The same request twice at a time is refused with the id of the first.
    """
    ask = _read_ask(call.path_id(), query, body.tasks)
    return _request(lambda: asking.request_backup(call.app, call.principal, ask))


@operation(
    Permission.MANAGE, returns=RequestedShape, status=202, answers={409: AlreadyShape}
)
def export_task(call: Call, query: BackupQuery) -> Response:
    """Ask for a backup of one task."""
    number, ask = call.path_id(), _read_ask(0, query, None)
    return _request(
        lambda: asking.request_task_backup(call.app, call.principal, number, ask)
    )


@operation(Permission.MANAGE, returns=KindsShape)
def show_kinds(call: Call) -> Response:
    """Whether a lightweight backup of the project would differ from a full one."""
    ask = BackupAsk(call.path_id(), lightweight=True)
    differs = asking.find_kinds(call.app, call.principal, ask)
    return render_json({"lightweight_differs": differs})


@operation(Permission.MANAGE, returns=PlanShape)
def show_plan(call: Call) -> Response:
    """When the project is backed up by itself."""
    plan = plans.get_plan(call.app, call.principal, call.path_id())
    return render_json(_shape_plan(plan))


@operation(Permission.MANAGE, returns=PlanShape)
def save_plan(call: Call, body: PlanBody) -> Response:
    """Back the project up by itself from now on."""
    draft = plans.PlanDraft(
        schedule=body.schedule,
        lightweight=body.lightweight,
        location=body.location or "local",
        storage_id=body.cloud_storage_id,
        filename=body.filename,
        keep_count=body.keep_count,
        keep_days=body.keep_days,
        is_active=body.is_active,
    )
    plan = plans.save_plan(call.app, call.principal, call.path_id(), draft)
    return render_json(_shape_plan(plan))


@operation(Permission.MANAGE)
def remove_plan(call: Call) -> Response:
    """Make no more backups by itself; those that there are stay."""
    plans.remove_plan(call.app, call.principal, call.path_id())
    return render_nothing()


def _read_ask(
    project_id: int, query: BackupQuery, tasks: list[int] | None
) -> BackupAsk:
    return BackupAsk(
        project_id,
        query.lightweight,
        task_ids=tasks,
        filename=(query.filename or "").strip(),
        location=query.location,
        storage_id=query.cloud_storage_id,
    )


def _request(ask: Any) -> Response:  # a call without arguments
    try:
        return render_json({"rq_id": ask().id}, 202)
    except AlreadyRequested as error:
        body = {"rq_id": error.context["rq_id"], "detail": error.message}
        return render_json(body, 409)


def _shape_plan(plan: plans.PlanView) -> PlanShape:
    return {
        "schedule": plan.schedule,
        "is_active": plan.is_active,
        "lightweight": plan.lightweight,
        "location": plan.location,
        "cloud_storage_id": plan.storage_id,
        "filename": plan.filename,
        "keep_count": plan.keep_count,
        "keep_days": plan.keep_days,
        "next_run_at": plan.next_run_at,
        "problem": plan.problem,
    }
