"""`labeldock restore`: a project out of a backup."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser, Waits
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.backups.requests import RequestView

_PIECE = 64 * 1024 * 1024


def restore(
    archive: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="The archive, unless it is in a bucket.",
        ),
    ] = None,
    storage: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of the storage whose bucket has it."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Its key there, without the storage's prefix."),
    ] = None,
    organization: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Number of the organisation it is to belong to."
        ),
    ] = None,
    wait: Waits = True,
    as_json: AsJson = False,
    as_user: AsUser = None,
) -> None:
    """Make a project of a backup: all of it, or nothing.

    The archive is checked as a whole before anything is written.
    """
    from labeldock.cli.terminal_work import follow_run
    from labeldock.services import runs
    from labeldock.services.backups.requests import get_request
    from labeldock.services.restoring.project import sweep_restores

    if (archive is None) == (storage is None):
        raise typer.BadParameter("Give a file, or --storage and --key.")
    with open_operation(as_user) as operation:
        app, principal = operation
        if storage is not None:
            asked = _ask_bucket(operation, storage, key or "", organization)
        else:
            asked = _send(operation, Path(archive or ""), organization)
        run = runs.get_run(app, principal, asked.run_id)
        try:
            follow_run(operation, run, wait=wait, as_json=as_json)
        finally:
            sweep_restores(app)
        done = get_request(app, principal, asked.id)
        if done.result_id is not None and not as_json:
            typer.echo(f"Restored as project {done.result_id}.")


def _ask_bucket(
    operation: Operation, storage: int, key: str, organization: int | None
) -> RequestView:
    from labeldock.services.restoring.asking import restore_object

    return restore_object(*operation, storage, key, organization_id=organization)


def _send(operation: Operation, path: Path, organization: int | None) -> RequestView:
    """Put the archive where every worker can read it, and ask for its restore."""
    from labeldock.services.restoring.asking import restore_upload
    from labeldock.services.restoring.incoming import append_piece, begin_upload

    size, name = path.stat().st_size, clean_text(path.name)
    upload = begin_upload(*operation, size, name)
    with path.open("rb") as source, tempfile.TemporaryDirectory() as folder:
        piece, offset = Path(folder) / "piece", 0
        while block := source.read(_PIECE):
            piece.write_bytes(block)
            append_piece(*operation, upload.token, offset, piece)
            offset += len(block)
            if size > _PIECE:
                typer.echo(f"Read {offset * 100 // size}% of {name}", err=True)
    return restore_upload(*operation, upload.token, organization_id=organization)
