"""`labeldock user` and `labeldock token`: who may log in, and their tokens."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json

user_commands = typer.Typer(no_args_is_help=True, help="Who may log in.")
token_commands = typer.Typer(no_args_is_help=True, help="Personal tokens for the API.")

Email = Annotated[
    str, typer.Option("--email", metavar="EMAIL", help="The user's e-mail address.")
]


@user_commands.command("create")
def create_user(
    email: Email,
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            metavar="TEXT",
            envvar="LABELDOCK_PASSWORD",
            show_envvar=True,
            help="At least 8 characters. Left out, it is asked for, or read from "
            "standard input if that is not a terminal.",
        ),
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="May see and change every project.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a user."""
    from labeldock.contract.errors import Conflict, InvalidInput
    from labeldock.services import access

    chosen = password if password is not None else _ask_password()
    with open_application() as app:
        try:
            user = access.create_user(app, email, chosen, is_admin=admin)
        except Conflict as error:  # here, an address that is taken is wrong input
            raise InvalidInput(
                error.message, field=error.field, remedy=error.remedy
            ) from None
    if as_json:
        shown = {"id": user.user_id, "email": user.email, "is_admin": user.is_admin}
        print_json(shown)
    else:
        role = "administrator" if user.is_admin else "user"
        typer.echo(f"Created the {role} {user.email}.")


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@token_commands.command("create")
def create_token(
    email: Email,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What it is for.")
    ] = "",
) -> None:
    """Make a token and print it, alone; it is not shown again."""
    from labeldock.services import access

    with open_application() as app:
        typer.echo(access.create_token(app, email, title=title))


@token_commands.command("revoke")
def revoke_token(
    token: Annotated[
        str | None,
        typer.Argument(
            metavar="TOKEN",
            help="The token. Left out, it is asked for, or read from standard input.",
        ),
    ] = None,
) -> None:
    """End the validity of a token."""
    from labeldock.services import access

    chosen = token if token is not None else _ask_token()
    with open_application() as app:
        access.revoke_token(app, chosen.strip())
    typer.echo("The token is revoked.")


def _ask_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True))
    return sys.stdin.readline()
