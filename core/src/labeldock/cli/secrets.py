"""`labeldock secrets`: the stored secrets and the keys that they are encrypted with."""

from __future__ import annotations

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.failures import FAILURE
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json

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
