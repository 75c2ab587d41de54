"""`labeldock backup`, `labeldock backup-plan`, `labeldock verify`: archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser, Waits
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.backups.asking import BackupAsk
    from labeldock.services.backups.plans import PlanView
    from labeldock.services.backups.requests import RequestView

_BLOCK = 1024 * 1024
Project = Annotated[int, typer.Argument(metavar="PROJECT", help="Its number.")]
Lightweight = Annotated[
    bool,
    typer.Option(
        "--lightweight/--full",
        help="Leave media in their bucket, or copy them (the default).",
    ),
]
ToStorage = Annotated[
    int | None,
    typer.Option(
        "--storage", "-s", metavar="ID", help="Write it to this export storage."
    ),
]


def backup(
    project: Project,
    lightweight: Lightweight = False,
    task: Annotated[
        list[int] | None,
        typer.Option("--task", "-t", metavar="ID", help="Only this task; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", dir_okay=False, help="Write it here, too."
        ),
    ] = None,
    storage: ToStorage = None,
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What to call it.")
    ] = "",
    wait: Waits = True,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Put a project, or some of its tasks, into an archive."""
    from labeldock.cli.terminal_work import follow_run
    from labeldock.services import runs
    from labeldock.services.backups.asking import BackupAsk, request_backup
    from labeldock.services.backups.requests import get_request

    if output is not None and (storage is not None or not wait):
        raise typer.BadParameter("--output needs --wait, and no --storage.")
    if output is not None and not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"--output: there is no folder {output.parent}.")
    with open_operation(as_user) as operation:
        app, principal = operation
        ask: BackupAsk = BackupAsk(
            project,
            lightweight,
            task_ids=tuple(task) if task else None,
            filename=name,
            location=None if storage is None else "cloud_storage",
            storage_id=storage,
        )
        asked = request_backup(app, principal, ask)
        run = runs.get_run(app, principal, asked.run_id)
        follow_run(operation, run, wait=wait, as_json=as_json)
        done = get_request(app, principal, asked.id)
        if output is not None:
            _copy(operation, done, output)
        if wait and not as_json:
            _report(done, output)


def _copy(operation: Operation, done: RequestView, output: Path) -> None:
    """Write the archive to a file, whole or not at all."""
    from labeldock.cli.exports import open_output
    from labeldock.contract.values import ReadRequest
    from labeldock.services.backups.downloads import open_archive

    number = done.target_id or 0
    found = open_archive(*operation, done.id, target=done.target, target_id=number)
    body = found.connection.get_data(ReadRequest(found.key))
    try:
        with open_output(output) as file:
            while block := body.reader.read(_BLOCK):
                file.write(block)
    finally:
        body.reader.close()


def _report(done: RequestView, output: Path | None) -> None:
    kind = "lightweight" if done.lightweight else "full"
    place = str(output) if output else done.result_key or done.filename
    typer.echo(f"A {kind} backup: {clean_text(place)}")
    if done.message:
        typer.echo(clean_text(done.message), err=True)
    if done.has_file and output is None:
        until = (
            f" until {done.expires_at:%Y-%m-%d %H:%M} UTC" if done.expires_at else ""
        )
        typer.echo(f"It can be downloaded{until}; to have it in a file: --output FILE")


def plan_backups(
    project: Project,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule", metavar="WHEN", help='Cron, "@daily", "every 6 hours"; UTC.'
        ),
    ] = None,
    lightweight: Lightweight = False,
    storage: ToStorage = None,
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="N", help="Keep the last so many.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="D", help="Keep each for so long.")
    ] = None,
    is_off: Annotated[
        bool, typer.Option("--off", help="Make no more backups by itself.")
    ] = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Back a project up by itself; without options, show when that is."""
    from labeldock.services.backups import plans

    with open_operation(as_user) as operation:
        if is_off:
            plans.remove_plan(*operation, project)
            typer.echo(f"Project {project} is not backed up by itself any more.")
            return
        if schedule is None:
            view = plans.get_plan(*operation, project)
        else:
            draft = plans.PlanDraft(
                schedule,
                lightweight,
                location="local" if storage is None else "cloud_storage",
                storage_id=storage,
                keep_count=keep,
                keep_days=days,
            )
            view = plans.save_plan(*operation, project, draft)
    if as_json:
        print_json(view)
    else:
        _print_plan(view)


def _print_plan(view: PlanView) -> None:
    kind = "lightweight" if view.lightweight else "full"
    typer.echo(f"Project {view.project_id}: {kind} backups, {view.schedule}.")
    typer.echo(f"Next: {view.next_run_at}")
    if view.keep_count or view.keep_days:
        kept = [f"the last {view.keep_count}"] if view.keep_count else []
        kept += [f"each for {view.keep_days} days"] if view.keep_days else []
        typer.echo("Kept: " + ", ".join(kept))
    if view.problem:
        typer.echo(f"The last one failed: {view.problem.get('message')}", err=True)


def verify(
    archive: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="The archive."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Check an archive: its format, every checksum, every count, every line."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from labeldock.cli.showing import build_console
    from labeldock.services.restoring.archives import open_archive
    from labeldock.services.restoring.checking import check_archive
    from labeldock.settings import load_settings

    console = build_console(is_error=True)
    columns = SpinnerColumn(), TextColumn("checking"), TimeElapsedColumn()
    display = Progress(*columns, console=console, disable=not console.is_terminal)
    with display, open_archive(archive, load_settings()) as opened:
        row = display.add_task("checking", total=None)
        checked = check_archive(opened, lambda: display.advance(row))
    manifest = checked.manifest
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    counts = manifest.counts
    typer.echo(
        f"A {manifest.kind} backup of a {manifest.scope}, format {manifest.version}: "
        f"{counts.tasks} tasks, {counts.annotations} annotations, "
        f"{counts.predictions} predictions, {counts.media} objects, "
        f"{counts.uploads} uploads."
    )
    if counts.missing:
        typer.echo(f"{counts.missing} objects could not be read when it was made.")
    typer.echo("Everything in it is as its manifest says.")
