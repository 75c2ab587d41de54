"""/api/dm: what clients of Label Studio's data manager ask for, as far as it is here.

Of the actions, tasks can be deleted; views are in `views`.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects
from labeldock.services.access import Permission
from labeldock.services.deleting import delete_tasks
from labeldock.web.api.references import ProjectQuery, read_project_id
from labeldock.web.api.task_queries import read_selected
from labeldock.web.endpoints import Call, build_route
from labeldock.web.inputs import Body, Reference
from labeldock.web.operations import operation
from labeldock.web.rendering import render_json

_DELETE: Final = "delete_tasks"
_SELECTED: Final = "selectedItems"


class ActionQuery(ProjectQuery):
    """What is done, in which project."""

    id: str | None = Field(
        default=None, json_schema_extra={"enum": [_DELETE]}, description="The action."
    )


class ActionBody(Body):
    """With which tasks."""

    project: Reference = None
    filters: Any = Field(default=None, description="Filters are not supported.")
    selectedItems: Any = Field(  # noqa: N815  the name on the wire
        default=None, examples=[{"all": False, "included": [1, 2]}]
    )


class ActionShape(TypedDict):
    """Something that can be done."""

    id: str
    title: str
    order: int


class DoneShape(TypedDict):
    """What was done."""

    processed_items: int
    detail: str


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/dm/actions", GET=list_actions, POST=act),
    ]


@operation(Permission.VIEW, returns=list[ActionShape])
def list_actions(call: Call, query: ProjectQuery) -> Response:
    """What can be done with many tasks at once."""
    projects.get_project(call.app, call.principal, query.require())
    return render_json([{"id": _DELETE, "title": "Delete tasks", "order": 100}])


@operation(Permission.MANAGE, returns=DoneShape)
def act(call: Call, query: ActionQuery, body: ActionBody) -> Response:
    """Do something with the tasks that are selected."""
    if query.id != _DELETE:
        raise InvalidInput(
            f"There is no action {query.id!r}.", field="id", remedy=f"Use {_DELETE}."
        )
    project_id = read_project_id(call, {"project": query.project or body.project})
    _refuse_filters(body.filters)
    included, excluded = _read_selection(body.selectedItems)
    count = delete_tasks(
        call.app, call.principal, project_id, included=included, excluded=excluded
    )
    return render_json({"processed_items": count, "detail": f"Deleted {count} tasks"})


def _refuse_filters(filters: Any) -> None:  # whatever JSON knows
    """What is not understood must not widen a deletion."""
    if filters and not (isinstance(filters, dict) and filters.get("items") == []):
        raise InvalidInput(
            "Filters are not supported.",
            field="filters",
            remedy="Name the tasks in selectedItems.",
        )


def _read_selection(
    selected: Any,  # whatever JSON knows
) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """The tasks that are named, or None for all, and those that are left out.

    Raises:
        InvalidInput: it is missing, since everything would be deleted then.
    """
    if not isinstance(selected, dict) or "all" not in selected:
        raise InvalidInput(
            "This field is required.",
            field=_SELECTED,
            remedy='Give {"all": false, "included": [1, 2]}.',
        )
    return read_selected(selected, _SELECTED)
