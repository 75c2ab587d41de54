"""`labeldock run`: look after pieces of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AnyProjectId, AsJson, AsUser, RunId, Waits
from labeldock.cli.dry_runs import dump_objects, print_objects
from labeldock.cli.operating import open_operation
from labeldock.cli.projects import list_all_projects
from labeldock.cli.run_views import dump_run, list_errors, print_run, show_counts
from labeldock.cli.showing import print_json, print_table
from labeldock.cli.terminal_work import follow_run

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.runs import RunView

run_commands = typer.Typer(
    no_args_is_help=True, help="Syncs and exports, and their errors."
)


@run_commands.command("list")
def list_runs(
    project: AnyProjectId = None,
    storage: Annotated[
        int | None,
        typer.Option("--storage", "-s", metavar="ID", help="Only this storage."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="COUNT", min=1, max=10_000, help="The newest, so many."
        ),
    ] = 20,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    with open_operation(as_user) as operation:
        found = _find_runs(operation, project, storage, limit)
    if as_json:
        print_json(found)
        return
    headings = ("ID", "PROJECT", "STORAGE", "KIND", "STATE", "QUEUED", "COUNTS")
    print_table(headings, map(_show, found))


def _find_runs(
    operation: Operation, project: int | None, storage: int | None, limit: int
) -> list[RunView]:
    from labeldock.services import runs, storages

    if storage is not None:
        project = storages.find_storage(*operation, storage).project_id
    if project is not None:
        return runs.list_runs(*operation, project, storage_id=storage, limit=limit)
    found = [
        run
        for each in list_all_projects(operation)
        for run in runs.list_runs(*operation, each.id, limit=limit)
    ]
    return sorted(found, key=lambda run: run.id, reverse=True)[:limit]


def _show(run: RunView) -> tuple[object, ...]:
    return (
        run.id,
        run.project_id,
        run.storage_id,
        run.kind,
        run.state,
        run.queued_at,
        show_counts(run),
    )


@run_commands.command("show")
def show_run(
    run: RunId,
    errors: Annotated[
        int,
        typer.Option(
            "--errors", metavar="COUNT", min=0, help="Show this many errors at most."
        ),
    ] = 20,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: how far it is, what it did, what went wrong."""
    from labeldock.services import runs

    with open_operation(as_user) as operation:
        view = runs.get_run(*operation, run)
        found = list_errors(operation, run, errors)
        if as_json:
            print_json(dump_run(view, found) | dump_objects(operation, view))
        else:
            print_run(view, found)
            print_objects(operation, view)


@run_commands.command("cancel")
def cancel_run(run: RunId, as_user: AsUser = None) -> None:
    """Stop a run; what it has done so far stays."""
    from labeldock.services import runs

    with open_operation(as_user) as operation:
        runs.cancel_run(*operation, run)
    typer.echo(f"Run {run} is cancelled.")


@run_commands.command("retry")
def retry_run(
    run: RunId, wait: Waits = True, as_user: AsUser = None, as_json: AsJson = False
) -> None:
    """Go on with a run that failed or was cancelled, from where it was."""
    from labeldock.services import runs

    with open_operation(as_user) as operation:
        view = runs.retry_run(*operation, run)
        follow_run(operation, view, wait=wait, as_json=as_json)
