"""/api/dm/views: saved views of the tasks of projects."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.services import saved_views
from labeldock.services.access import Permission
from labeldock.services.saved_views import ViewView
from labeldock.services.task_selection import TaskSelection
from labeldock.web.api.references import ProjectQuery, read_project_id
from labeldock.web.api.task_queries import select_tasks
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Reference
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing


class ViewBody(Body):
    """A view: `filters` and `ordering` are those of a task list's `query`."""

    project: Reference = None
    data: dict[str, Any] = Field(default_factory=dict)


class ViewShape(TypedDict):
    """A saved view."""

    id: int
    project: int
    user: int | None
    order: int
    data: dict[str, Any]


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/dm/views", GET=list_views, POST=create_view),
        build_route("/api/dm/views/reset", DELETE=delete_views),
        build_route(
            "/api/dm/views/{id:int}",
            GET=get_view,
            PATCH=update_view,
            PUT=update_view,
            DELETE=delete_view,
        ),
    ]


@operation(Permission.VIEW, returns=list[ViewShape])
def list_views(call: Call, query: ProjectQuery) -> Response:
    """The saved views of a project."""
    found = saved_views.list_views(call.app, call.principal, query.require())
    return render_json([shape_view(view) for view in found])


@operation(Permission.ANNOTATE, returns=ViewShape, status=201)
def create_view(call: Call, body: ViewBody) -> Response:
    """Save a view."""
    project_id = read_project_id(call, {"project": body.project})
    select_tasks(body.data)
    made = saved_views.create_view(call.app, call.principal, project_id, body.data)
    return render_json(shape_view(made), 201)


@operation(Permission.VIEW, returns=ViewShape)
def get_view(call: Call) -> Response:
    """One view."""
    found = saved_views.get_view(call.app, call.principal, call.path_id())
    return render_json(shape_view(found))


@operation(Permission.ANNOTATE, returns=ViewShape)
def update_view(call: Call, body: ViewBody) -> Response:
    """Change a view; what is left out of `data` stays."""
    select_tasks(body.data)
    changed = saved_views.update_view(
        call.app, call.principal, call.path_id(), body.data
    )
    return render_json(shape_view(changed))


@operation(Permission.ANNOTATE)
def delete_view(call: Call) -> Response:
    """Remove a view; its tasks stay."""
    saved_views.remove_view(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Permission.MANAGE)
def delete_views(call: Call, query: ProjectQuery) -> Response:
    """Remove all views of a project."""
    saved_views.remove_views(call.app, call.principal, query.require())
    return render_nothing()


def load_selection(call: Call, view_id: int) -> tuple[int, TaskSelection]:
    """The project of a view, and which of its tasks it shows.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    view = saved_views.get_view(call.app, call.principal, view_id)
    return view.project_id, select_tasks(view.data)


def shape_view(view: ViewView) -> ViewShape:
    """A view as JSON values."""
    return {
        "id": view.id,
        "project": view.project_id,
        "user": view.user_id,
        "order": view.position,
        "data": view.data,
    }
