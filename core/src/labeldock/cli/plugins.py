"""`labeldock plugins`: what is installed, and what became of it."""

from __future__ import annotations

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import load_terminal_settings
from labeldock.cli.showing import print_json


def list_plugins(as_json: AsJson = False) -> None:
    """List the installed plug-ins, and why one is not in use."""
    import logging

    from labeldock import host
    from labeldock.services.context import load_providers

    settings = load_terminal_settings()
    # The listing itself says what went wrong, and shows what strict mode refuses.
    logging.getLogger("labeldock.host").setLevel(logging.CRITICAL)
    lenient = settings.model_copy(update={"strict_plugins": False})
    entries = load_providers(lenient).entries
    if as_json:
        print_json(host.dump_plugins(entries))
    else:
        typer.echo(host.render_plugins(entries), nl=False)
