"""Runs: the list of a project's, and one of them in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.services import run_reports, runs
from labeldock.services.access import Permission
from labeldock.services.run_reports import RunReport
from labeldock.web.api.error_files import stream_errors
from labeldock.web.console.notes import go_to
from labeldock.web.console.run_charts import draw_run
from labeldock.web.console.run_stream import build_stream
from labeldock.web.console.run_views import (
    list_counts,
    list_moments,
    measure_pace,
    name_kind,
    view_run_line,
)
from labeldock.web.console.shell import Crumb
from labeldock.web.console.storage_views import describe_run
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_RUNS: Final = 30
_RETRIED: Final = {"failed", "cancelled"}
_PATH: Final = "/projects/{id:int}/runs/{run:int}"


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/projects/{id:int}/runs/", GET=show_runs),
        build_route(f"{_PATH}/", GET=show_run),
        build_route(f"{_PATH}/events", GET=stream_run),
        build_route(f"{_PATH}/errors", GET=download_errors),
        build_route(f"{_PATH}/cancel/", POST=cancel),
        build_route(f"{_PATH}/retry/", POST=retry),
    ]


@page(Permission.VIEW)
def show_runs(call: Call) -> Response:
    """The runs of a project, newest first."""
    place = open_project(call, "runs")
    before = call.query_integer("before")
    found = run_reports.list_lines(
        call.app, call.principal, place.project.id, before=before, limit=_RUNS
    )
    values = {
        "lines": [view_run_line(line) for line in found],
        "older": found[-1].run.id if len(found) == _RUNS else None,
        "is_first": before is None,
        "is_active": before is None and any(line.run.is_active for line in found),
    }
    return place.render("runs.html", values)


@page(Permission.VIEW)
def show_run(call: Call) -> Response:
    """One run: how far, how fast, what happened, what failed and why."""
    place = open_project(call, "runs")
    report = load_report(call, place)
    failed = report.run.counts.get("failed", 0)
    groups = run_reports.group_errors(call.app, call.principal, report.run.id)
    values = {
        **describe(report),
        "place": place,
        "groups": groups,
        "is_partial": sum(group.count for group in groups) < failed,
        "may_retry": place.may_manage and report.run.state in _RETRIED,
        "may_cancel": place.may_manage and report.run.is_active,
        "path": f"{place.path}runs/{report.run.id}/",
    }
    return place.render(
        "run.html", values, crumbs=[Crumb(f"{name_kind(report.run)} {report.run.id}")]
    )


def load_report(call: Call, place: Workplace) -> RunReport:
    """The run that a path names.

    Raises:
        NotFound: it is of another project, or of none.
    """
    report = run_reports.load_report(call.app, call.principal, call.path_id("run"))
    if report.run.project_id != place.project.id:
        raise NotFound(f"Run {report.run.id} is of another project.", field="run")
    return report


def describe(report: RunReport) -> dict[str, Any]:
    """What the part of the page shows that changes while the run is at work."""
    now = datetime.now(UTC)
    tone, status = describe_run(report.run)
    return {
        "report": report,
        "run": report.run,
        "tone": tone,
        "status": status,
        "kind": name_kind(report.run),
        "pace": measure_pace(report, now),
        "seconds": run_reports.measure_seconds(report.run, now),
        "counts": list_counts(report.run),
        "moments": list_moments(report),
        "charts": draw_run(report.samples),
    }


@page(Permission.VIEW)
def stream_run(call: Call) -> Response:
    """The changing part of a run's page, sent again whenever it has changed."""
    place = open_project(call, "runs")
    report = load_report(call, place)
    return build_stream(call, report.run.id, describe)


@page(Permission.VIEW)
def download_errors(call: Call) -> Response:
    """All errors of a run as a file."""
    place = open_project(call, "runs")
    report = load_report(call, place)
    return stream_errors(call, report.run.id, call.query_text("format") or "csv")


@page(Permission.MANAGE)
def cancel(call: Call) -> Response:
    """Stop a run."""
    place = open_project(call, "runs", Permission.MANAGE)
    run = load_report(call, place).run
    if not run.is_active:  # it has ended meanwhile, which the page says
        return RedirectResponse(f"{place.path}runs/{run.id}/", 303)
    runs.cancel_run(call.app, call.principal, run.id)
    return go_to(call.request, f"{place.path}runs/{run.id}/", "run-cancelled")


@page(Permission.MANAGE)
def retry(call: Call) -> Response:
    """Go on with a run that failed or was cancelled."""
    place = open_project(call, "runs", Permission.MANAGE)
    run = load_report(call, place).run
    runs.retry_run(call.app, call.principal, run.id)
    return go_to(call.request, f"{place.path}runs/{run.id}/", "run-retried")
