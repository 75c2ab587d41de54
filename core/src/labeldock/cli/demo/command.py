"""The command: prepare, tell the story, print what went where, serve."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import Assignments
from labeldock.cli.failures import INTERRUPTED
from labeldock.cli.serving import DEFAULT_HOST, DEFAULT_PORT, Host

if TYPE_CHECKING:
    from labeldock.cli.demo.login import Login


def run_demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="A folder whose files become tasks; otherwise sample files are made.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URI",
            help="A place in a bucket, such as s3://photos/demo: the samples are put "
            "there, and the annotations too. Its settings follow with --set.",
        ),
    ] = None,
    assignments: Assignments = None,
    stop: Annotated[
        bool, typer.Option("--exit", help="Stop after the summary, do not serve.")
    ] = False,
    host: Host = DEFAULT_HOST,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            help=f"By default {DEFAULT_PORT}, or another one if that is taken.",
        ),
    ] = None,
) -> None:
    """See the main job from end to end, on sample files, a folder or a bucket.

    Files become tasks, a few are labelled, and annotation files come out. Started
    again, it goes on from what is there. All that it makes lies in LABELDOCK_HOME: in
    the folder demo, in the database, and the folders it may read in labeldock.env.
    """
    from labeldock.cli.demo.story import Target, tell_story
    from labeldock.cli.operating import load_terminal_settings
    from labeldock.cli.terminal_work import Interrupted

    settings = load_terminal_settings()
    try:
        login = tell_story(settings, Target(folder, storage, assignments or ()))
    except (Interrupted, KeyboardInterrupt):
        typer.echo("Interrupted. Start the demo again to go on from here.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if not stop:
        _serve(login, _choose_listener(host, port))


def _choose_listener(host: str, port: int | None) -> socket.socket:
    from labeldock.cli.listeners import open_listener
    from labeldock.contract.errors import InvalidInput

    if port is not None:
        return open_listener(host, port)
    try:
        return open_listener(host, DEFAULT_PORT)
    except InvalidInput:
        return open_listener(host, 0)


def _serve(login: Login, listener: socket.socket) -> None:
    from labeldock.cli.accounts import render_link
    from labeldock.cli.operating import load_terminal_settings
    from labeldock.cli.serving import describe_address, run_service
    from labeldock.services import access
    from labeldock.services.accounts.links import LinkPurpose, issue_link
    from labeldock.services.context import open_context

    address = describe_address(listener)
    # Read again: the story may have added to the settings file.
    app = open_context(load_terminal_settings())
    user = access.find_user(app, login.email)
    link = issue_link(app, None, user.user_id, LinkPurpose.LOGIN)
    typer.echo(f"\nOpen     {address}")
    typer.echo(f"Log in   {render_link(app, link, address)} (once)")
    typer.echo(f"Later    as {login.email}, with the password in {login.path}")
    typer.echo("Ctrl-C stops the service; what is here stays.")
    run_service(app, listener)
