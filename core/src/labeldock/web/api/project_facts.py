"""What clients ask about a project beside itself: who annotated, files, models.

Models are not connected here, so their list is empty.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route

from labeldock.services import people, projects
from labeldock.services.access import Permission
from labeldock.services.label_configs import check_label_config
from labeldock.web.api.people import PersonShape, shape_member
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Query, Whole
from labeldock.web.operations import Need, operation
from labeldock.web.rendering import render_json, render_nothing


class ConfigToCheck(Body):
    """A label config of no project yet."""

    label_config: Any = Field(default=None, json_schema_extra={"type": "string"})


class ModelQuery(Query):
    """Whose models."""

    project: Whole | None = None


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/projects/validate", POST=validate_any_config),
        build_route("/api/projects/{id:int}/annotators", GET=list_annotators),
        build_route("/api/ml", GET=list_models),
    ]


@operation(Need.LOGIN, tag="projects")
def validate_any_config(_call: Call, body: ConfigToCheck) -> Response:
    """Check a label config before there is a project for it."""
    check_label_config(body.label_config)
    return render_nothing()


@operation(Permission.VIEW, returns=list[PersonShape], tag="projects")
def list_annotators(call: Call) -> Response:
    """Those who annotated tasks of a project."""
    found = people.list_annotators(call.app, call.principal, call.path_id())
    return render_json([shape_member(person) for person in found])


@operation(Need.LOGIN, returns=list[dict[str, Any]], tag="projects")
def list_models(call: Call, query: ModelQuery) -> Response:
    """The models of a project: none, since none can be connected."""
    if query.project is not None:
        projects.get_project(call.app, call.principal, query.project)
    return render_json([])
