"""/api/tasks: list, create, read, change, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.services import access, projects, tasks
from labeldock.services.access import Permission
from labeldock.services.drafts import list_own_drafts
from labeldock.services.resolving.data import load_resolver, name_undefined_key
from labeldock.services.resolving.restoring import restore_data, restore_task_data
from labeldock.services.task_selection import TaskSelection
from labeldock.services.tasks import TaskQuery, TaskView
from labeldock.web.api.draft_shape import DraftShape, shape_draft
from labeldock.web.api.paging import PageQuery
from labeldock.web.api.references import read_project_id
from labeldock.web.api.task_queries import read_selection
from labeldock.web.api.task_shape import TaskShape, shape_task
from labeldock.web.api.views import load_selection
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import AS_DOCUMENT, Body, Query, Reference, Switch, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing

_PAGE_SIZE: Final = 100
_LARGEST_PAGE: Final = 10_000
_DATA: Final = {
    "anyOf": [{"type": "object"}, {"type": "array"}],
    "examples": [{"image": "s3://bucket/gull.jpg"}],
}
_ANY: Final = WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "array"}]})
Data = Annotated[Any, AS_DOCUMENT, WithJsonSchema(_DATA)]


class ShownQuery(Query):
    """How the data of a task is shown."""

    resolve_uri: Switch = Field(
        default=True, description="Addresses that browsers can load, not URIs."
    )


class TaskQueryOfList(PageQuery, ShownQuery):
    """Which tasks, and how they are shown."""

    project: Whole | None = None
    view: Whole | None = Field(
        default=None, description="A saved view: its project, filters and ordering."
    )
    query: str = Field(
        default="{}", description="Filters, as clients of the data manager write them."
    )


class TaskBody(Body):
    """What a task can be given."""

    data: Data = None
    meta: Annotated[Any, AS_DOCUMENT, _ANY] = None


class NewTaskBody(Body):
    """A task and its project."""

    data: Data = None
    project: Reference = None


class TaskListShape(TypedDict):
    """A page of tasks, with the totals of the project."""

    tasks: list[TaskShape]
    total: int
    total_annotations: int
    total_predictions: int


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


@operation(Permission.VIEW, returns=TaskListShape)
def list_tasks(call: Call, query: TaskQueryOfList) -> Response:
    """A page of a project's tasks, with the project's totals."""
    project_id, selection = _find_tasks(call, query)
    page = query.choose(size=_PAGE_SIZE, largest=_LARGEST_PAGE)
    found = tasks.list_tasks(
        call.app,
        call.principal,
        TaskQuery(project_id, page.offset, page.size, selection),
    )
    page.check_end(found.total)
    return render_json(
        {
            "tasks": _shape(call, project_id, found.tasks, query),
            "total": found.total,
            "total_annotations": found.total_annotations,
            "total_predictions": found.total_predictions,
        }
    )


@operation(Permission.MANAGE, returns=TaskShape, status=201)
def create_task(call: Call, body: NewTaskBody) -> Response:
    """A new task; `data` is an object or a list."""
    project_id = read_project_id(call, body.given())
    if "data" not in body.model_fields_set:
        raise InvalidInput("This field is required.", field="data")
    data = restore_data(body.data, _list_own_addresses(call))
    task = tasks.create_task(call.app, call.principal, project_id, data)
    return render_json(_shape_raw(call, project_id, [task])[0], 201)


@operation(Permission.VIEW, returns=TaskShape)
def get_task(call: Call, query: ShownQuery) -> Response:
    """One task, with who annotated it."""
    task = tasks.get_task(call.app, call.principal, call.path_id())
    return render_json(_shape(call, task.project_id, [task], query, expand=True)[0])


@operation(Permission.MANAGE, returns=TaskShape)
def update_task(call: Call, body: TaskBody) -> Response:
    """Change what is given; answers with the data as stored."""
    changes = body.given()
    if "data" in changes:
        changes["data"] = restore_task_data(
            call.app,
            call.principal,
            call.path_id(),
            changes["data"],
            _list_own_addresses(call),
        )
    task = tasks.update_task(call.app, call.principal, call.path_id(), changes)
    return render_json(_shape_raw(call, task.project_id, [task])[0])


@operation(Permission.MANAGE)
def delete_task(call: Call) -> Response:
    """Remove a task."""
    tasks.delete_task(call.app, call.principal, call.path_id())
    return render_nothing()


def _list_own_addresses(call: Call) -> tuple[str, str]:
    """What clients may have put before the media URLs that they read."""
    return call.app.settings.public_url, str(call.request.base_url)


def _find_tasks(call: Call, query: TaskQueryOfList) -> tuple[int, TaskSelection]:
    """Of which project, and which of its tasks; a query goes before a view."""
    chosen = read_selection(query.query)
    if query.view is not None:
        project_id, shown = load_selection(call, query.view)
        if query.project not in {None, project_id}:
            raise NotFound(f"View {query.view} does not exist.", field="view")
        return project_id, shown if chosen.is_everything else chosen
    if query.project is None:
        raise NotFound("Neither project nor view id specified")
    return query.project, chosen


def _shape(
    call: Call,
    project_id: int,
    found: list[TaskView],
    shown: ShownQuery,
    *,
    expand: bool = False,
) -> list[TaskShape]:
    if not shown.resolve_uri:
        return _shape_raw(call, project_id, found, expand=expand)
    names, drafts = _load_names(call, found), _load_drafts(call, found)
    config = _load_label_config(call, project_id)
    resolver = load_resolver(call.app, project_id, config)
    return [
        shape_task(
            task,
            names,
            data=resolver.resolve(task),
            drafts=drafts.get(task.id, ()),
            expand=expand,
        )
        for task in found
    ]


def _shape_raw(
    call: Call, project_id: int, found: list[TaskView], *, expand: bool = False
) -> list[TaskShape]:
    """With the URIs as they are stored."""
    names, drafts = _load_names(call, found), _load_drafts(call, found)
    config = _load_label_config(call, project_id)
    return [
        shape_task(
            task,
            names,
            data=name_undefined_key(task.data, config),
            drafts=drafts.get(task.id, ()),
            expand=expand,
        )
        for task in found
    ]


def _load_label_config(call: Call, project_id: int) -> str:
    return projects.get_project(call.app, call.principal, project_id).label_config


def _load_drafts(call: Call, found: list[TaskView]) -> dict[int, list[DraftShape]]:
    """Those of whoever asks, which are few: nobody's drafts are anybody else's."""
    kept = list_own_drafts(call.app, call.principal, [task.id for task in found])
    return {
        task_id: [shape_draft(draft, call.principal) for draft in drafts]
        for task_id, drafts in kept.items()
    }


def _load_names(call: Call, found: list[TaskView]) -> dict[int, access.UserName]:
    authors = {a.completed_by_id for task in found for a in task.annotations}
    return access.load_user_names(call.app, {a for a in authors if a is not None})
