"""`labeldock storage events`: let a storage take notifications of its bucket."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser, StorageId
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json

if TYPE_CHECKING:
    from labeldock.services.events.inlets import InletView


def manage_events(
    storage: StorageId,
    on: Annotated[
        bool, typer.Option("--on", help="Take notifications, with a new token.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="Take none any more.")] = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Show whether a storage takes notifications of its bucket, or change that.

    --on prints the address to send them to, which holds the token; it cannot be shown
    again. Given once more it makes a new token, and the old one ends.
    """
    from labeldock.contract.errors import InvalidInput
    from labeldock.services.events import inlets

    if on and off:
        raise InvalidInput("Give --on or --off, not both.", field="--on")
    with open_operation(as_user) as (app, principal):
        if on:
            token = inlets.open_inlet(app, principal, storage)
            base = app.settings.public_url.rstrip("/") or "https://YOUR-HOST"
            url = f"{base}{inlets.PATH}{storage}?token={token}"
            if as_json:
                print_json({"storage": storage, "token": token, "url": url})
            else:
                typer.echo(f"Send the bucket's notifications to:\n  {url}")
            return
        if off:
            inlets.close_inlet(app, principal, storage)
        view = inlets.show_inlet(app, principal, storage)
    if as_json:
        print_json(asdict(view))
    else:
        _print_inlet(view)


def _print_inlet(view: InletView) -> None:
    if not view.is_open:
        typer.echo(f"Storage {view.storage_id} takes no notifications.")
        typer.echo(f"To change that: labeldock storage events {view.storage_id} --on")
    else:
        last = (
            f"{view.last_event_at:%Y-%m-%d %H:%M:%S} UTC"
            if view.last_event_at
            else "never"
        )
        typer.echo(f"Storage {view.storage_id} takes notifications; last one: {last}.")
    if view.waiting:
        typer.echo(f"{view.waiting} objects wait to be looked at.")
    if view.confirm_url:
        typer.echo("A topic asks whether it may send here. If it is yours, open:")
        typer.echo(f"  {clean_text(view.confirm_url)}")
