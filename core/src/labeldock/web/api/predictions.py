"""/api/predictions: list, save, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

import labeldock.services.predictions as services
from labeldock.contract.errors import InvalidInput
from labeldock.web.api.annotation_shape import shape_prediction
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import (
    parse_document,
    parse_integer,
    parse_number,
    select_fields,
)
from labeldock.web.rendering import render_json, render_nothing


def _parse_text(value: object, field: str) -> str:
    if isinstance(value, str | int | float | None):
        return "" if value is None else str(value)
    raise InvalidInput("Not a valid string.", field=field)


_PARSERS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "result": parse_document,
    "score": parse_number,
    "model_version": _parse_text,
}


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


def list_predictions(call: Call) -> Response:
    """The predictions of a task or of a project: a plain list, not a page."""
    project_id = call.query_integer("project") or call.query_integer("task__project")
    found = services.list_predictions(
        call.app,
        call.principal,
        task_id=call.query_integer("task"),
        project_id=project_id,
        after=call.query_integer("after") or 0,
        limit=call.query_integer("limit"),
    )
    return render_json([shape_prediction(prediction) for prediction in found])


def create_prediction(call: Call) -> Response:
    """Save what a model says about a task."""
    values, notes = select_fields(call.values, {*_PARSERS, "task"})
    if values.get("task") in {None, ""}:
        raise InvalidInput("This field is required.", field="task")
    task_id = parse_integer(values.pop("task"), "task")
    saved = services.create_prediction(
        call.app, call.principal, task_id, _parse(values)
    )
    return render_json(shape_prediction(saved), 201, notes)


def get_prediction(call: Call) -> Response:
    """One prediction."""
    found = services.get_prediction(call.app, call.principal, call.path_id())
    return render_json(shape_prediction(found))


def update_prediction(call: Call) -> Response:
    """Change what is given; a prediction stays with its task."""
    values, notes = select_fields(call.values, _PARSERS)
    saved = services.update_prediction(
        call.app, call.principal, call.path_id(), _parse(values)
    )
    return render_json(shape_prediction(saved), headers=notes)


def delete_prediction(call: Call) -> Response:
    """Remove a prediction."""
    services.delete_prediction(call.app, call.principal, call.path_id())
    return render_nothing()


def _parse(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _PARSERS[name](value, name) for name, value in values.items()}
