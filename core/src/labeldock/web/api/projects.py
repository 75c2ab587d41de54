"""/api/projects: list, create, read, change, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import NotFound
from labeldock.services import access, deleting, projects
from labeldock.services.access import Permission
from labeldock.services.label_configs import check_label_config
from labeldock.services.project_interface import ProjectInterface
from labeldock.services.projects import ProjectFields, ProjectFilter, ProjectView
from labeldock.web.api.paging import PageQuery, PageShape, render_page
from labeldock.web.api.project_shape import ProjectShape, shape_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import parse_integer
from labeldock.web.inputs import AS_INTEGER, AS_TEXT, Body, Query, Whole, pick_fields
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing

_PAGE_SIZE: Final = 30
_LARGEST_PAGE: Final = 10_000
_COUNTS: Final = (
    "id", "task_number", "finished_task_number", "total_annotations_number",
    "total_predictions_number", "num_tasks_with_annotations",
    "useful_annotation_number", "ground_truth_number", "skipped_annotations_number",
    "queue_total", "queue_done",
)  # fmt: skip


def _parse_ids(texts: list[str]) -> tuple[int, ...]:
    return tuple(parse_integer(text, "ids") for text in ",".join(texts).split(","))


class ProjectQuery(PageQuery):
    """Which projects, and in which order."""

    ids: Annotated[tuple[int, ...] | None, BeforeValidator(_parse_ids), AS_TEXT] = (
        Field(default=None, description="Numbers of projects, with commas between.")
    )
    organization: Whole | None = Field(
        default=None, description="Those of this organisation."
    )
    title: str = Field(default="", description="Part of the title.")
    search: str = Field(default="", description="Part of the title or description.")
    ordering: str = Field(
        default="-id", description="The field to order by; with - the reverse."
    )

    def filter(self) -> ProjectFilter:
        """The same for the service."""
        return ProjectFilter(
            ids=self.ids,
            organization_id=self.organization,
            title=self.title,
            search=self.search,
            ordering=self.ordering,
        )


class HomeQuery(Query):
    """Whose a new project is to be."""

    organization: Whole | None = Field(
        default=None, description="Left out, the caller's active organisation."
    )


_Overlap = Annotated[
    int,
    AS_INTEGER,
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 2**31 - 1}),
]
ProjectBody = pick_fields(
    "ProjectBody", ProjectFields, ProjectInterface, maximum_annotations=_Overlap | None
)


class ConfigChecked(TypedDict):
    """A label config that can be used."""

    label_config: str
    config_essential_data_has_changed: bool | None


class ConfigBody(Body):
    """A label config."""

    label_config: Any = Field(default=None, json_schema_extra={"type": "string"})


_COUNTED: Final[dict[str, Any]] = {
    name: ProjectShape.model_fields[name].annotation for name in _COUNTS
}
ProjectCounts = create_model("ProjectCounts", **_COUNTED)


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


@operation(Need.LOGIN, returns=PageShape[ProjectShape])
def list_projects(call: Call, query: ProjectQuery) -> Response:
    """A page of the projects that the caller may see."""
    return render_json(_list_page(call, query))


@operation(Need.LOGIN, returns=PageShape[ProjectCounts])
def list_counts(call: Call, query: ProjectQuery) -> Response:
    """The same with their numbers alone."""
    page = _list_page(call, query)
    counts = [{n: project[n] for n in _COUNTS} for project in page["results"]]
    return render_json({**page, "results": counts})


def _list_page(call: Call, query: ProjectQuery) -> PageShape[dict[str, Any]]:
    page = query.choose(size=_PAGE_SIZE, largest=_LARGEST_PAGE)
    found, total = projects.list_projects(
        call.app,
        call.principal,
        offset=page.offset,
        limit=page.size,
        chosen=query.filter(),
    )
    return render_page(call, page, total, _shape(call, *found))


@operation(
    Need.LOGIN, returns=ProjectShape, status=201, body=ProjectBody, errors=(NotFound,)
)
def create_project(call: Call, query: HomeQuery, body: Body) -> Response:
    """A new project of the caller."""
    project = projects.create_project(
        call.app,
        call.principal,
        body.given(),
        organization_id=query.organization,
    )
    return render_json(_shape(call, project)[0], 201)


@operation(Permission.VIEW, returns=ProjectShape)
def get_project(call: Call) -> Response:
    """One project."""
    project = projects.get_project(call.app, call.principal, call.path_id())
    return render_json(_shape(call, project)[0])


@operation(Permission.MANAGE, returns=ProjectShape, body=ProjectBody)
def update_project(call: Call, body: Body) -> Response:
    """Change what is given."""
    project = projects.update_project(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json(_shape(call, project)[0])


@operation(Permission.OWN)
def delete_project(call: Call) -> Response:
    """Remove a project and all that belongs to it."""
    projects.delete_project(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Permission.MANAGE)
def delete_tasks(call: Call) -> Response:
    """Remove every task of a project."""
    deleting.delete_all_tasks(call.app, call.principal, call.path_id())
    return render_nothing()


@operation(Permission.VIEW, returns=ConfigChecked)
def validate_config(call: Call, body: ConfigBody) -> Response:
    """Check a label config; nothing is saved."""
    projects.get_project(call.app, call.principal, call.path_id())
    config = check_label_config(body.label_config)
    return render_json(
        {"label_config": config, "config_essential_data_has_changed": None}
    )


def _shape(call: Call, *found: ProjectView) -> list[dict[str, Any]]:
    creators = {p.created_by_id for p in found if p.created_by_id is not None}
    names = access.load_user_names(call.app, creators)
    return [shape_project(project, names) for project in found]
