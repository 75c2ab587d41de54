"""`labeldock team`: teams, what they may use, and what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labeldock.services.quotas.managing import LimitView

team_commands = typer.Typer(no_args_is_help=True, help="What teams may use.")

Team = Annotated[int, typer.Argument(metavar="TEAM", help="The team's number.")]


@team_commands.command("list")
def list_teams(as_json: AsJson = False) -> None:
    """List all teams, with their members and projects."""
    from labeldock.services import access
    from labeldock.services.accounts import organizations

    with open_application() as app:
        operator = access.find_operator(app)
        found = organizations.list_organizations(app, operator)
    if as_json:
        print_json(found)
        return
    rows = ((t.id, t.title, t.members, t.projects, t.created_at) for t in found)
    print_table(("ID", "TITLE", "MEMBERS", "PROJECTS", "CREATED"), rows)


@team_commands.command("limits")
def list_limits(team: Team, as_json: AsJson = False) -> None:
    """Show what a team may use, and what it uses."""
    from labeldock.services.quotas import managing

    with open_application() as app:
        found = managing.list_limits(app, None, team)
    _show(found, as_json=as_json)


@team_commands.command("limit")
def change_limits(
    team: Team,
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help="projects, storages, tasks, members, bytes or runs (worked on at a "
            'time) and a number; "none" for no limit, "default" for the setting.',
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Limit what a team may use; syncs that had stopped at a limit go on.

    What is there already stays, also above a limit.
    """
    from labeldock.services.quotas import managing

    chosen = dict(map(_read_change, changes))
    with open_application() as app:
        found = managing.change_limits(app, None, team, chosen)
    _show(found, as_json=as_json)


def _read_change(text: str) -> tuple[str, int | None]:
    from labeldock.contract.errors import InvalidInput

    name, _, value = text.partition("=")
    if value == "default":
        return name, None
    if value == "none":
        return name, 0
    if value.isascii() and value.isdigit() and len(value) <= 18:
        return name, int(value)
    raise InvalidInput(
        f"{text!r} is no limit.", field=name, remedy="Give it as tasks=100000."
    )


def _show(limits: Sequence[LimitView], *, as_json: bool) -> None:
    if as_json:
        print_json(limits)
        return
    rows = (
        (
            each.name.value,
            each.used,
            each.limit or "none",
            "default" if each.is_default else "own",
        )
        for each in limits
    )
    print_table(("LIMIT", "USED", "MOST", "SET"), rows)
