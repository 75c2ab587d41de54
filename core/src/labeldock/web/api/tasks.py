"""/api/tasks: list, create, read, change, delete."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services import access, projects, tasks
from labeldock.services.resolving.data import load_resolver, name_undefined_key
from labeldock.services.resolving.restoring import restore_data, restore_task_data
from labeldock.services.tasks import TaskQuery, TaskView
from labeldock.web.api.paging import read_page
from labeldock.web.api.references import read_project_id
from labeldock.web.api.task_queries import read_selection
from labeldock.web.api.task_shape import shape_task
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_document, select_fields
from labeldock.web.rendering import render_json, render_nothing

_PAGE_SIZE: Final = 100
_LARGEST_PAGE: Final = 10_000
_CHANGEABLE: Final = ("data", "meta")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/tasks", GET=list_tasks, POST=create_task),
        build_route(
            "/api/tasks/{id:int}",
            GET=get_task,
            PATCH=update_task,
            PUT=update_task,
            DELETE=delete_task,
        ),
    ]


def list_tasks(call: Call) -> Response:
    """A page of a project's tasks, with the project's totals."""
    project_id = _read_project(call)
    page = read_page(call, size=_PAGE_SIZE, largest=_LARGEST_PAGE)
    selection = read_selection(call)
    query = TaskQuery(project_id, page.offset, page.size, selection)
    found = tasks.list_tasks(call.app, call.principal, query)
    page.check_end(found.total)
    return render_json(
        {
            "tasks": _shape(call, project_id, found.tasks),
            "total": found.total,
            "total_annotations": found.total_annotations,
            "total_predictions": found.total_predictions,
        }
    )


def create_task(call: Call) -> Response:
    """A new task; `data` is an object or a list."""
    values, notes = select_fields(call.values, {"project", "data"})
    project_id = read_project_id(call, values)
    if "data" not in values:
        raise InvalidInput("This field is required.", field="data")
    data = parse_document(values["data"], "data")
    data = restore_data(data, _list_own_addresses(call))
    task = tasks.create_task(call.app, call.principal, project_id, data)
    return render_json(_shape_raw(call, project_id, [task])[0], 201, notes)


def get_task(call: Call) -> Response:
    """One task, with who annotated it."""
    task = tasks.get_task(call.app, call.principal, call.path_id())
    return render_json(_shape(call, task.project_id, [task], expand=True)[0])


def update_task(call: Call) -> Response:
    """Change what is given; answers with the data as stored."""
    values, notes = select_fields(call.values, _CHANGEABLE)
    changes = {name: parse_document(value, name) for name, value in values.items()}
    if "data" in changes:
        changes["data"] = restore_task_data(
            call.app,
            call.principal,
            call.path_id(),
            changes["data"],
            _list_own_addresses(call),
        )
    task = tasks.update_task(call.app, call.principal, call.path_id(), changes)
    return render_json(_shape_raw(call, task.project_id, [task])[0], headers=notes)


def delete_task(call: Call) -> Response:
    """Remove a task."""
    tasks.delete_task(call.app, call.principal, call.path_id())
    return render_nothing()


def _list_own_addresses(call: Call) -> tuple[str, str]:
    """What clients may have put before the media URLs that they read."""
    return call.app.settings.public_url, str(call.request.base_url)


def _read_project(call: Call) -> int:
    view = call.query_integer("view")
    if view is not None:
        raise NotFound(f"View {view} does not exist.", field="view")
    project_id = call.query_integer("project")
    if project_id is None:
        raise NotFound("Neither project nor view id specified")
    return project_id


def _shape(
    call: Call, project_id: int, found: list[TaskView], *, expand: bool = False
) -> list[dict[str, Any]]:
    if not call.query_boolean("resolve_uri", default=True):
        return _shape_raw(call, project_id, found, expand=expand)
    names = _load_names(call, found)
    config = _load_label_config(call, project_id)
    resolver = load_resolver(call.app, project_id, config)
    return [
        shape_task(task, names, data=resolver.resolve(task), expand=expand)
        for task in found
    ]


def _shape_raw(
    call: Call, project_id: int, found: list[TaskView], *, expand: bool = False
) -> list[dict[str, Any]]:
    """With the URIs as they are stored."""
    names = _load_names(call, found)
    config = _load_label_config(call, project_id)
    return [
        shape_task(
            task, names, data=name_undefined_key(task.data, config), expand=expand
        )
        for task in found
    ]


def _load_label_config(call: Call, project_id: int) -> str:
    return projects.get_project(call.app, call.principal, project_id).label_config


def _load_names(call: Call, found: list[TaskView]) -> dict[int, access.UserName]:
    authors = {a.completed_by_id for task in found for a in task.annotations}
    return access.load_user_names(call.app, {a for a in authors if a is not None})
