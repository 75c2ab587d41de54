"""The tasks of a project: a grid or a list, filtered, page by page."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from labeldock.services.access import Permission
from labeldock.services.task_walk import (
    STATES,
    TROUBLES,
    WINDOW,
    Mark,
    TaskFilter,
    TaskWalk,
    list_sources,
    walk_tasks,
)
from labeldock.web.console.task_tiles import load_tiles
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.fields import LARGEST_ID
from labeldock.web.operations import page

_TASKS: Final = 48
_STATES: Final = (
    ("", "Any state"),
    ("unlabelled", "Not labelled"),
    ("labelled", "Labelled"),
    ("skipped", "Skipped by somebody"),
)
_TROUBLES: Final = (
    ("", "With or without"),
    ("changed", "Object changed since"),
    ("vanished", "Object gone"),
    ("export", "Export failed"),
)
_VIEWS: Final = ("grid", "list")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/projects/{id:int}/tasks/", GET=show_tasks)]


@page(Permission.VIEW)
def show_tasks(call: Call) -> Response:
    """A page of the tasks that are looked for."""
    place = open_project(call, "tasks")
    chosen = _read_filter(call)
    walk = walk_tasks(
        call.app,
        call.principal,
        place.project.id,
        chosen,
        _read_mark(call),
        limit=_TASKS,
    )
    view = "list" if call.query_text("view") == "list" else "grid"
    query = _build_query(chosen, view)
    values = {
        "tiles": load_tiles(call, place.project, walk.ids),
        "walk": walk,
        "chosen": chosen,
        "view": view,
        "views": [(name, _address({**query, "view": name})) for name in _VIEWS],
        "sources": list_sources(call.app, call.principal, place.project.id),
        "states": _STATES,
        "troubles": _TROUBLES,
        "window": WINDOW,
        **_link_pages(walk, query),
    }
    return place.render("tasks.html", values)


def _read_filter(call: Call) -> TaskFilter:
    """What is looked for; what nobody can have chosen counts as nothing."""
    state, trouble = call.query_text("state") or "", call.query_text("trouble") or ""
    return TaskFilter(
        storage_id=_read_number(call, "storage"),
        prefix=(call.query_text("prefix") or "").replace("\0", ""),
        state=state if state in STATES else "",
        trouble=trouble if trouble in TROUBLES else "",
    )


def _read_mark(call: Call) -> Mark | None:
    before, after = _read_number(call, "before"), _read_number(call, "after")
    if before is not None:
        return Mark(before, is_back=True)
    return None if after is None else Mark(after)


def _read_number(call: Call, name: str) -> int | None:
    number = call.query_integer(name)
    return None if number is None else max(0, min(number, LARGEST_ID))


def _build_query(chosen: TaskFilter, view: str) -> dict[str, Any]:
    query = {
        "storage": chosen.storage_id,
        "prefix": chosen.prefix,
        "state": chosen.state,
        "trouble": chosen.trouble,
        "view": view if view != _VIEWS[0] else "",
    }
    return {name: value for name, value in query.items() if value}


def _link_pages(walk: TaskWalk, query: dict[str, Any]) -> dict[str, str]:
    """Where the pages beside this one are; empty where there is none."""
    return {
        "next": _address({**query, "after": walk.after}) if walk.after else "",
        "previous": _address({**query, "before": walk.before}) if walk.before else "",
        "first": _address(query),
    }


def _address(query: dict[str, Any]) -> str:
    return f"?{urlencode(query)}"
