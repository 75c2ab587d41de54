"""`labeldock new-provider`: a package for a storage that nobody has written yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def create_provider(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the provider, e.g. webdav.")
    ],
    into: Annotated[
        Path,
        typer.Option(
            "--into", metavar="DIR", file_okay=False, help="Where the folder is made."
        ),
    ] = Path(),
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            metavar="DIR",
            file_okay=False,
            exists=True,
            help="A checkout of Labeldock, to make it a member there instead.",
        ),
    ] = None,
) -> None:
    """Write a package for a new storage provider: all there but the operations."""
    from labeldock.testing import scaffold

    if workspace is None:
        folder = scaffold.create_package(name, into)
    else:
        folder = scaffold.create_member(name, workspace)
    typer.echo(scaffold.render_next_steps(folder, is_member=workspace is not None))
