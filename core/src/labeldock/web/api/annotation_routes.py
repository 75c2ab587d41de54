"""/api/tasks/N/annotations and /api/annotations: list, save, read, change, delete."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

import labeldock.services.annotations as services
from labeldock.services import access
from labeldock.services.access import Permission
from labeldock.services.annotations import AnnotationView
from labeldock.web.api.annotation_shape import AnnotationShape, shape_annotation
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import AS_DOCUMENT, Body, Number, Reference, Switch, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


Result = Annotated[
    Any,
    AS_DOCUMENT,
    WithJsonSchema({"type": "array", "items": {"type": "object"}}),
    Field(description="Regions, as Label Studio writes them.", examples=[[]]),
]
Numbers = Annotated[list[Whole], BeforeValidator(_listed)]
"""A list of numbers, also one alone."""


class AnnotationBody(Body):
    """What somebody says about a task."""

    result: Result = None
    was_cancelled: Switch = Field(default=False, description="The task was skipped.")
    ground_truth: Switch = False
    lead_time: Number = Field(default=None, description="Seconds that it took.")


class AnnotationsBody(AnnotationBody):
    """The same about several tasks."""

    tasks: Numbers = Field(default_factory=list)
    task: Numbers = Field(default_factory=list, description="Instead of `tasks`.")


class DeletionBody(Body):
    """Which annotations are removed."""

    ids: Numbers = Field(default_factory=list)
    project: Reference = Field(default=None, description="Whose they have to be.")


class NewAnnotation(TypedDict):
    """One that was saved."""

    id: int


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(
            "/api/tasks/{id:int}/annotations",
            GET=list_annotations,
            POST=create_annotation,
        ),
        build_route(
            "/api/annotations/{id:int}",
            GET=get_annotation,
            PATCH=update_annotation,
            PUT=update_annotation,
            DELETE=delete_annotation,
        ),
        build_route("/api/annotations/bulk", POST=create_annotations),
        build_route("/api/annotations/bulk-delete", POST=delete_annotations),
    ]


@operation(Permission.VIEW, returns=list[AnnotationShape])
def list_annotations(call: Call) -> Response:
    """The annotations of a task."""
    found = services.list_annotations(call.app, call.principal, call.path_id())
    return render_json(_shape(call, *found))


@operation(Permission.ANNOTATE, returns=AnnotationShape, status=201)
def create_annotation(call: Call, body: AnnotationBody) -> Response:
    """Save what the caller says about a task."""
    saved = services.create_annotation(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json(_shape(call, saved)[0], 201)


@operation(Permission.ANNOTATE, returns=list[NewAnnotation], status=201)
def create_annotations(call: Call, body: AnnotationsBody) -> Response:
    """Save the same about several tasks, or about one: for all of them, or for none."""
    values = body.given()
    task_ids = values.pop("tasks", []) or values.pop("task", [])
    values.pop("task", None)
    saved = services.create_annotations(call.app, call.principal, task_ids, values)
    return render_json([{"id": annotation.id} for annotation in saved], 201)


@operation(Permission.ANNOTATE, returns=dict[str, int])
def delete_annotations(call: Call, body: DeletionBody) -> Response:
    """Remove the annotations of a project that are named, or none of them."""
    count = services.delete_annotations(
        call.app, call.principal, body.ids, project_id=body.project
    )
    return render_json({"deleted": count})


@operation(Permission.VIEW, returns=AnnotationShape)
def get_annotation(call: Call) -> Response:
    """One annotation."""
    found = services.get_annotation(call.app, call.principal, call.path_id())
    return render_json(_shape(call, found)[0])


@operation(Permission.ANNOTATE, returns=AnnotationShape)
def update_annotation(call: Call, body: AnnotationBody) -> Response:
    """Change what is given.

    That of somebody else can be changed by who may change the project.
    """
    saved = services.update_annotation(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json(_shape(call, saved)[0])


@operation(Permission.ANNOTATE)
def delete_annotation(call: Call) -> Response:
    """Remove an annotation.

    That of somebody else can be removed by who may change the project.
    """
    services.delete_annotation(call.app, call.principal, call.path_id())
    return render_nothing()


def _shape(call: Call, *found: AnnotationView) -> list[AnnotationShape]:
    authors = {a.completed_by_id for a in found if a.completed_by_id is not None}
    names = access.load_user_names(call.app, authors)
    return [shape_annotation(annotation, names) for annotation in found]
