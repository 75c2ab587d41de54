"""`labeldock secrets`: the stored secrets and the keys that they are encrypted with."""

from __future__ import annotations

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.failures import FAILURE
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json, print_table

secret_commands = typer.Typer(
    no_args_is_help=True, help="Stored secrets and their keys."
)


@secret_commands.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Encrypt all stored secrets with the newest key.

    The newest is the first one in LABELDOCK_SECRET_KEY; give every process the new and
    the earlier keys before. It can be interrupted and started again, while the service
    runs. The exit code is 1 if some secrets cannot be read with any of the keys.
    """
    from dataclasses import asdict

    from labeldock.services.rotation import rotate_secrets

    with open_application() as app:
        rotated = rotate_secrets(app)
    if as_json:
        print_json(asdict(rotated))
    else:
        typer.echo(
            f"Encrypted with the newest key: {rotated.storage_secrets} of storages, "
            f"{rotated.webhook_secrets} of webhooks."
        )
    if rotated.unreadable:
        if not as_json:
            typer.echo(
                f"{rotated.unreadable} cannot be read: add the earlier key to "
                "LABELDOCK_SECRET_KEY, after a comma, or enter them again.",
                err=True,
            )
        raise typer.Exit(FAILURE)


@secret_commands.command("lost")
def list_lost(as_json: AsJson = False) -> None:
    """Name the storages and webhooks whose secrets have to be entered again.

    They were encrypted with a key that is not in LABELDOCK_SECRET_KEY. All else works
    without it. The exit code is 1 if there are any.
    """
    from labeldock.services.lost_secrets import find_lost

    with open_application() as app:
        lost = find_lost(app.database, app.vault.knows)
    if as_json:
        print_json(lost)
    elif lost:
        headings = ("kind", "id", "project", "title", "secrets")
        print_table(
            headings,
            ((e.kind, e.id, e.project_id, e.title, ", ".join(e.fields)) for e in lost),
        )
    else:
        typer.echo("All stored secrets can be read.")
    if lost:
        raise typer.Exit(FAILURE)
