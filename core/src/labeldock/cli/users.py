"""`labeldock user`: who may log in."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from labeldock.cli import accounts
from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json
from labeldock.cli.tokens import token_commands

user_commands = typer.Typer(no_args_is_help=True, help="Who may log in.")
user_commands.add_typer(token_commands, name="token", hidden=True)
user_commands.command("list")(accounts.list_users)
user_commands.command("link")(accounts.print_link)
user_commands.command("deactivate")(accounts.deactivate_user)
user_commands.command("activate")(accounts.activate_user)
user_commands.command("delete")(accounts.delete_user)

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
