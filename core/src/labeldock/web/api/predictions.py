"""/api/predictions: list, save, read, change, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response
from starlette.routing import Route

import labeldock.services.predictions as services
from labeldock.contract.errors import InvalidInput
from labeldock.services.access import Permission
from labeldock.web.api.annotation_shape import PredictionShape, shape_prediction
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import AS_DOCUMENT, Body, Number, Query, Reference, Whole
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json, render_nothing

_RESULT: Final = {"type": "array", "items": {"type": "object"}, "examples": [[]]}
_VERSION: Final = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}


def _parse_text(value: object) -> str:
    if isinstance(value, str | int | float | None):
        return "" if value is None else str(value)
    raise InvalidInput("Not a valid string.")


class PredictionQuery(Query):
    """Whose predictions."""

    task: Whole | None = None
    project: Whole | None = None
    task__project: Whole | None = Field(default=None, description="As `project`.")
    after: Whole = Field(default=0, description="The last id that was seen.")
    limit: Whole | None = None


class PredictionBody(Body):
    """What a model says about a task."""

    result: Annotated[Any, AS_DOCUMENT, WithJsonSchema(_RESULT)] = None
    score: Number = None
    model_version: Annotated[
        str, BeforeValidator(_parse_text), WithJsonSchema(_VERSION)
    ] = ""


class NewPredictionBody(PredictionBody):
    """The same with its task."""

    task: Reference = None


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/predictions", GET=list_predictions, POST=create_prediction),
        build_route(
            "/api/predictions/{id:int}",
            GET=get_prediction,
            PATCH=update_prediction,
            PUT=update_prediction,
            DELETE=delete_prediction,
        ),
    ]


@operation(Permission.VIEW, returns=list[PredictionShape])
def list_predictions(call: Call, query: PredictionQuery) -> Response:
    """The predictions of a task or of a project: a plain list, not a page."""
    found = services.list_predictions(
        call.app,
        call.principal,
        task_id=query.task,
        project_id=query.project or query.task__project,
        after=query.after,
        limit=query.limit,
    )
    return render_json([shape_prediction(prediction) for prediction in found])


@operation(Permission.MANAGE, returns=PredictionShape, status=201)
def create_prediction(call: Call, body: NewPredictionBody) -> Response:
    """Save what a model says about a task."""
    values = body.given()
    task_id = values.pop("task", None)
    if task_id is None:
        raise InvalidInput("This field is required.", field="task")
    saved = services.create_prediction(call.app, call.principal, task_id, values)
    return render_json(shape_prediction(saved), 201)


@operation(Permission.VIEW, returns=PredictionShape)
def get_prediction(call: Call) -> Response:
    """One prediction."""
    found = services.get_prediction(call.app, call.principal, call.path_id())
    return render_json(shape_prediction(found))


@operation(Permission.MANAGE, returns=PredictionShape)
def update_prediction(call: Call, body: PredictionBody) -> Response:
    """Change what is given; a prediction stays with its task."""
    saved = services.update_prediction(
        call.app, call.principal, call.path_id(), body.given()
    )
    return render_json(shape_prediction(saved))


@operation(Permission.MANAGE)
def delete_prediction(call: Call) -> Response:
    """Remove a prediction."""
    services.delete_prediction(call.app, call.principal, call.path_id())
    return render_nothing()
