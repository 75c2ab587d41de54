"""Runs and their errors, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from labeldock.cli.failures import join_text
from labeldock.cli.showing import clean_text, print_table

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.runs import RunErrorView, RunView

ERROR_PAGE = 500


def list_errors(operation: Operation, run_id: int, limit: int) -> list[RunErrorView]:
    """The first errors of a run, object by object."""
    from labeldock.services import runs

    found: list[RunErrorView] = []
    while len(found) < limit:
        size = min(ERROR_PAGE, limit - len(found))
        after = found[-1].id if found else 0
        page = runs.list_run_errors(*operation, run_id, after=after, limit=size)
        found += page
        if len(page) < size:
            break
    return found


def dump_run(run: RunView, errors: Iterable[RunErrorView]) -> dict[str, Any]:
    """A run with its errors as JSON values."""
    return {**asdict(run), "errors": [asdict(error) for error in errors]}


def show_counts(run: RunView) -> str:
    """What a run did so far, in one line; counts of nothing are left out."""
    counts = [f"{count} {name}" for name, count in run.counts.items() if count]
    return ", ".join(counts) or "nothing yet"


def print_run(run: RunView, errors: Iterable[RunErrorView]) -> None:
    """Everything about a run."""
    rows = [
        ("run", run.id),
        ("project", run.project_id),
        ("storage", run.storage_id),
        ("kind", run.kind),
        ("state", run.state),
        ("counts", show_counts(run)),
        ("attempts", run.attempts),
        ("queued", run.queued_at),
        ("started", run.started_at),
        ("last sign of life", run.last_ping_at),
        ("finished", run.finished_at),
    ]
    if run.cancelled_by:
        rows.append(("cancelled by", run.cancelled_by))
    print_table(("", ""), rows)
    if run.problem:
        typer.echo(describe_problem(run))
    for each in run.interruptions:
        line = f"  {each['at']} {each['code']} ({each['owner']}): {each['message']}"
        typer.echo(clean_text(line))
    print_errors(errors)


def print_errors(errors: Iterable[RunErrorView], *, is_error: bool = False) -> None:
    """One line per object that could not be imported or exported."""
    for error in errors:
        row = f" row {error.row_index}" if error.row_index >= 0 else ""
        text = join_text(f"{error.key}{row}", error.message, error.remedy)
        typer.echo(f"  {clean_text(text)}", err=is_error)


def describe_problem(run: RunView) -> str:
    """Why a run failed, or waits for another attempt."""
    problem = run.problem or {}
    text = join_text(problem.get("key"), problem.get("message"), problem.get("remedy"))
    identity = problem.get("correlation_id")
    return clean_text(f"{text} (correlation id {identity})" if identity else text)
