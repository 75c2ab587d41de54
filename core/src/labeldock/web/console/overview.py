"""A project at a glance: how far it is, its storages, its last runs, first tasks."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.services import progress_history, run_reports
from labeldock.services.access import Permission
from labeldock.web.console.run_views import view_run_line
from labeldock.web.console.storage_list import load_lines
from labeldock.web.console.task_charts import draw_progress
from labeldock.web.console.task_tiles import load_first_tiles
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_TASKS: Final = 8
_RUNS: Final = 5


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/projects/{id:int}/", GET=show_overview)]


@page(Permission.VIEW)
def show_overview(call: Call) -> Response:
    """The first page of a project."""
    place = open_project(call, "")
    project = place.project
    lines = {purpose: load_lines(call, project.id, purpose) for purpose in Purpose}
    found = run_reports.list_lines(call.app, call.principal, project.id, limit=_RUNS)
    points = progress_history.list_points(call.app, call.principal, project.id)
    values = {
        "imports": lines[Purpose.IMPORT],
        "exports": lines[Purpose.EXPORT],
        "runs": [view_run_line(each) for each in found],
        "tiles": load_first_tiles(call, project, _TASKS),
        "chart_of": draw_progress(project, points),
        "is_active": any(line.is_active for both in lines.values() for line in both),
    }
    return place.render("overview.html", values)
