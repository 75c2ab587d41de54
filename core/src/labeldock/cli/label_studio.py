"""`labeldock import label-studio`: the projects of a running Label Studio."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labeldock.cli.arguments import AsJson, AsUser
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json

if TYPE_CHECKING:
    from labeldock.services.label_studio.moving import Moved, Note

_LINE_SECONDS: Final = 2.0
_SHOWN: Final = 20

import_commands = typer.Typer(
    no_args_is_help=True, help="Projects of other services, by their API."
)


@import_commands.command("label-studio")
def import_label_studio(
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where it runs.")],
    token: Annotated[
        str,
        typer.Option(
            "--token",
            metavar="TOKEN",
            help="A token of its API; @env:VARIABLE, @FILE or @- keep it off the "
            "command line.",
        ),
    ],
    project: Annotated[
        list[int] | None,
        typer.Option(
            "--project",
            "-p",
            metavar="N",
            help="Number of a project there; may be repeated. Otherwise all.",
        ),
    ] = None,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Bring over projects of a running Label Studio, by its API.

    Tasks, annotations, predictions and settings come over; authors are found by their
    e-mail address; storages become slots, to which storages are attached here. Run
    again, it goes on where it was, and brings nothing twice.
    """
    from labeldock.cli.settings_input import read_reference
    from labeldock.services.label_studio.client import Peer
    from labeldock.services.label_studio.moving import move_project

    peer = Peer(url, read_reference("token", token))
    done: list[Moved] = []
    with open_operation(as_user) as operation:
        numbers = project or [int(found["id"]) for found in peer.list_projects()]
        for number in numbers:
            note = _build_note(number, is_quiet=as_json)
            done.append(move_project(*operation, peer, number, note))
            if not as_json:
                _report(done[-1])
    if as_json:
        print_json(done)
    elif not done:
        typer.echo("There are no projects that the token may see.")


def _build_note(number: int, *, is_quiet: bool) -> Note:
    shown = time.monotonic()

    def note(tasks: int, total: int) -> None:
        nonlocal shown
        if not is_quiet and time.monotonic() - shown >= _LINE_SECONDS:
            shown = time.monotonic()
            typer.echo(f"project {number}: {tasks:,} of {total:,} tasks", err=True)

    return note


def _report(moved: Moved) -> None:
    title = clean_text(moved.title)
    if moved.was_here:
        typer.echo(f"{title} is here already, as project {moved.project_id}.")
        return
    typer.echo(f"Project {moved.project_id}: {title}, {_show(moved.counts)}")
    for loss in moved.losses[:_SHOWN]:
        typer.echo(f"  not moved: {clean_text(loss)}")
    if len(moved.losses) > _SHOWN:
        typer.echo(f"  and {len(moved.losses) - _SHOWN} more; see the run's errors")


def _show(counts: dict[str, Any]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
