"""/api/projects: list, create, read, change, delete."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services import access, projects, tasks
from labeldock.services.label_configs import check_label_config
from labeldock.services.projects import ProjectFilter, ProjectView
from labeldock.web.api.paging import read_page, render_page
from labeldock.web.api.project_shape import shape_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer, select_fields
from labeldock.web.rendering import render_json, render_nothing

_PAGE_SIZE: Final = 30
_LARGEST_PAGE: Final = 10_000
_COUNTS: Final = (
    "id", "task_number", "finished_task_number", "total_annotations_number",
    "total_predictions_number", "num_tasks_with_annotations",
    "useful_annotation_number", "ground_truth_number", "skipped_annotations_number",
    "queue_total", "queue_done",
)  # fmt: skip


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/projects", GET=list_projects, POST=create_project),
        build_route("/api/projects/counts", GET=list_counts),
        build_route(
            "/api/projects/{id:int}",
            GET=get_project,
            PATCH=update_project,
            PUT=update_project,
            DELETE=delete_project,
        ),
        build_route("/api/projects/{id:int}/tasks", DELETE=delete_tasks),
        build_route("/api/projects/{id:int}/validate", POST=validate_config),
    ]


def list_projects(call: Call) -> Response:
    """A page of the projects that the caller may see."""
    return render_json(_list_page(call))


def list_counts(call: Call) -> Response:
    """The same with their numbers alone."""
    page = _list_page(call)
    counts = [{n: project[n] for n in _COUNTS} for project in page["results"]]
    return render_json({**page, "results": counts})


def _list_page(call: Call) -> dict[str, Any]:
    page = read_page(call, size=_PAGE_SIZE, largest=_LARGEST_PAGE)
    found, total = projects.list_projects(
        call.app,
        call.principal,
        offset=page.offset,
        limit=page.size,
        chosen=_read_filter(call),
    )
    return render_page(call, page, total, _shape(call, *found))


def _read_filter(call: Call) -> ProjectFilter:
    ids = call.query_text("ids")
    return ProjectFilter(
        ids=None if ids is None else tuple(map(_parse_id, ids.split(","))),
        title=call.query_text("title") or "",
        search=call.query_text("search") or "",
        ordering=call.query_text("ordering") or "-id",
    )


def _parse_id(text: str) -> int:
    return parse_integer(text, "ids")


def create_project(call: Call) -> Response:
    """A new project of the caller."""
    values, notes = _read_values(call)
    project = projects.create_project(call.app, call.principal, values)
    return render_json(_shape(call, project)[0], 201, notes)


def get_project(call: Call) -> Response:
    """One project."""
    project = projects.get_project(call.app, call.principal, call.path_id())
    return render_json(_shape(call, project)[0])


def update_project(call: Call) -> Response:
    """Change what is given."""
    values, notes = _read_values(call)
    project = projects.update_project(call.app, call.principal, call.path_id(), values)
    return render_json(_shape(call, project)[0], headers=notes)


def delete_project(call: Call) -> Response:
    """Remove a project and all that belongs to it."""
    projects.delete_project(call.app, call.principal, call.path_id())
    return render_nothing()


def delete_tasks(call: Call) -> Response:
    """Remove every task of a project."""
    tasks.delete_all_tasks(call.app, call.principal, call.path_id())
    return render_nothing()


def validate_config(call: Call) -> Response:
    """Check a label config; nothing is saved."""
    projects.get_project(call.app, call.principal, call.path_id())
    config = check_label_config(call.values.get("label_config"))
    return render_json({"label_config": config})


def _read_values(call: Call) -> tuple[dict[str, Any], dict[str, str]]:
    values, notes = select_fields(call.values, projects.CHANGEABLE)
    if values.get("maximum_annotations") is not None:
        number = parse_integer(values["maximum_annotations"], "maximum_annotations")
        values["maximum_annotations"] = number
    return values, notes


def _shape(call: Call, *found: ProjectView) -> list[dict[str, Any]]:
    creators = {p.created_by_id for p in found if p.created_by_id is not None}
    names = access.load_user_names(call.app, creators)
    return [shape_project(project, names) for project in found]
