"""/api/dm: what clients of Label Studio's data manager ask for, as far as it is here.

There are no views, so their list is empty; of the actions, tasks can be deleted.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput
from labeldock.services import projects
from labeldock.services.deleting import delete_tasks
from labeldock.web.api.references import read_project_id
from labeldock.web.api.task_queries import read_selected
from labeldock.web.endpoints import Call, build_route
from labeldock.web.rendering import render_json

_DELETE: Final = "delete_tasks"
_SELECTED: Final = "selectedItems"


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/api/dm/views", GET=list_views),
        build_route("/api/dm/actions", GET=list_actions, POST=act),
    ]


def list_views(call: Call) -> Response:
    """The saved views of a project: none."""
    _check_project(call)
    return render_json([])


def list_actions(call: Call) -> Response:
    """What can be done with many tasks at once."""
    _check_project(call)
    return render_json([{"id": _DELETE, "title": "Delete tasks", "order": 100}])


def act(call: Call) -> Response:
    """Do something with the tasks that are selected."""
    name = call.query_text("id")
    if name != _DELETE:
        raise InvalidInput(
            f"There is no action {name!r}.", field="id", remedy=f"Use {_DELETE}."
        )
    given = call.query_integer("project") or call.values.get("project")
    project_id = read_project_id(call, {"project": given})
    _refuse_filters(call.values.get("filters"))
    included, excluded = _read_selection(call.values.get(_SELECTED))
    count = delete_tasks(
        call.app, call.principal, project_id, included=included, excluded=excluded
    )
    return render_json({"processed_items": count, "detail": f"Deleted {count} tasks"})


def _check_project(call: Call) -> None:
    project_id = call.query_integer("project")
    if project_id is None:
        raise InvalidInput('query parameter "project" is required')
    projects.get_project(call.app, call.principal, project_id)


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
