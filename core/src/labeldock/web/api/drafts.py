"""Drafts of annotations: of a task, of an annotation; each is its author's alone."""

from __future__ import annotations

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route

import labeldock.services.drafts as services
from labeldock.services.access import Permission
from labeldock.services.drafts import DraftView
from labeldock.web.api.annotation_routes import Result
from labeldock.web.api.draft_shape import DraftShape, shape_draft
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Number, Switch
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing


class DraftBody(Body):
    """What somebody has begun to say."""

    result: Result = Field(default_factory=list)
    lead_time: Number = Field(default=None, description="Seconds that it took so far.")
    was_postponed: Switch = Field(default=False, description="To be gone on with.")


def list_routes() -> list[Route]:
    """The routes of this module."""
    of_task = "/api/tasks/{id:int}/drafts"
    of_change = "/api/tasks/{id:int}/annotations/{annotation:int}/drafts"
    of_annotation = "/api/annotations/{annotation:int}/drafts"
    return [
        build_route(of_task, GET=list_drafts, POST=create_draft),
        build_route(of_change, GET=list_drafts, POST=create_draft),
        build_route(of_annotation, GET=list_drafts, POST=create_draft),
        build_route(
            "/api/drafts/{id:int}",
            GET=get_draft,
            PATCH=update_draft,
            PUT=update_draft,
            DELETE=delete_draft,
        ),
    ]


@operation(Permission.ANNOTATE, returns=list[DraftShape], tag="annotations")
def list_drafts(call: Call) -> Response:
    """The caller's drafts of a task or of an annotation."""
    task_id, annotation_id = _read_place(call)
    found = services.list_drafts(
        call.app, call.principal, task_id=task_id, annotation_id=annotation_id
    )
    return render_json([shape_draft(draft, call.principal) for draft in found])


@operation(Permission.ANNOTATE, returns=DraftShape, status=201, tag="annotations")
def create_draft(call: Call, body: DraftBody) -> Response:
    """Keep what the caller has begun to say; nobody else sees it."""
    task_id, annotation_id = _read_place(call)
    made = services.create_draft(
        call.app,
        call.principal,
        body.given(),
        task_id=task_id,
        annotation_id=annotation_id,
    )
    return _render(call, made, 201)


@operation(Permission.ANNOTATE, returns=DraftShape, tag="annotations")
def get_draft(call: Call) -> Response:
    """One of the caller's drafts."""
    found = services.get_draft(call.app, call.principal, call.path_id())
    return _render(call, found)


@operation(Permission.ANNOTATE, returns=DraftShape, tag="annotations")
def update_draft(call: Call, body: DraftBody) -> Response:
    """Change what is given of one of the caller's drafts."""
    saved = services.update_draft(
        call.app, call.principal, call.path_id(), body.given()
    )
    return _render(call, saved)


@operation(Permission.ANNOTATE, tag="annotations")
def delete_draft(call: Call) -> Response:
    """Remove one of the caller's drafts."""
    services.delete_draft(call.app, call.principal, call.path_id())
    return render_nothing()


def _read_place(call: Call) -> tuple[int | None, int | None]:
    """The task and the annotation that the path names."""
    names = call.request.path_params
    task_id = call.path_id() if "id" in names else None
    return task_id, call.path_id("annotation") if "annotation" in names else None


def _render(call: Call, draft: DraftView, status: int = 200) -> Response:
    return render_json(shape_draft(draft, call.principal), status)
