"""/api/tasks/N/annotations and /api/annotations: list, save, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

import labeldock.services.annotations as services
from labeldock.services import access
from labeldock.services.annotations import AnnotationView
from labeldock.web.api.annotation_shape import shape_annotation
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import (
    parse_boolean,
    parse_document,
    parse_integer,
    parse_number,
    select_fields,
)
from labeldock.web.rendering import render_json, render_nothing

_PARSERS: Final[Mapping[str, Callable[[object, str], Any]]] = {
    "result": parse_document,
    "was_cancelled": parse_boolean,
    "ground_truth": parse_boolean,
    "lead_time": parse_number,
}


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


def list_annotations(call: Call) -> Response:
    """The annotations of a task."""
    found = services.list_annotations(call.app, call.principal, call.path_id())
    return render_json(_shape(call, *found))


def create_annotation(call: Call) -> Response:
    """Save what the caller says about a task."""
    values, notes = _read_values(call)
    saved = services.create_annotation(call.app, call.principal, call.path_id(), values)
    return render_json(_shape(call, saved)[0], 201, notes)


def create_annotations(call: Call) -> Response:
    """Save the same about several tasks, or about one: for all of them, or for none."""
    values, notes = select_fields(call.values, {*_PARSERS, "tasks", "task"})
    task_ids = _read_numbers(values, "tasks") or _read_numbers(values, "task")
    parsed = {name: _PARSERS[name](values[name], name) for name in values}
    saved = services.create_annotations(call.app, call.principal, task_ids, parsed)
    return render_json([{"id": annotation.id} for annotation in saved], 201, notes)


def delete_annotations(call: Call) -> Response:
    """Remove the annotations of a project that are named, or none of them."""
    values, notes = select_fields(call.values, {"ids", "project"})
    project = values.get("project")
    count = services.delete_annotations(
        call.app,
        call.principal,
        _read_numbers(values, "ids"),
        project_id=None if project is None else parse_integer(project, "project"),
    )
    return render_json({"deleted": count}, headers=notes)


def _read_numbers(values: dict[str, Any], name: str) -> list[int]:
    given = values.pop(name, None)
    found = given if isinstance(given, list) else [] if given is None else [given]
    return [parse_integer(number, name) for number in found]


def get_annotation(call: Call) -> Response:
    """One annotation."""
    found = services.get_annotation(call.app, call.principal, call.path_id())
    return render_json(_shape(call, found)[0])


def update_annotation(call: Call) -> Response:
    """Change what is given."""
    values, notes = _read_values(call)
    saved = services.update_annotation(call.app, call.principal, call.path_id(), values)
    return render_json(_shape(call, saved)[0], headers=notes)


def delete_annotation(call: Call) -> Response:
    """Remove an annotation."""
    services.delete_annotation(call.app, call.principal, call.path_id())
    return render_nothing()


def _read_values(call: Call) -> tuple[dict[str, Any], dict[str, str]]:
    values, notes = select_fields(call.values, _PARSERS)
    return {name: _PARSERS[name](value, name) for name, value in values.items()}, notes


def _shape(call: Call, *found: AnnotationView) -> list[dict[str, Any]]:
    authors = {a.completed_by_id for a in found if a.completed_by_id is not None}
    names = access.load_user_names(call.app, authors)
    return [shape_annotation(annotation, names) for annotation in found]
