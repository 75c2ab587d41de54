"""`labeldock token`: tokens for the API, made, listed and revoked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import open_application, open_operation
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from labeldock.services.tokens import TokenView

token_commands = typer.Typer(no_args_is_help=True, help="Tokens for the API.")

Email = Annotated[
    str, typer.Option("--email", metavar="EMAIL", help="The user's e-mail address.")
]


@token_commands.command("create")
def create_token(
    email: Email,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What it is for.")
    ] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it may be used for, at most: read, annotate, manage or admin, "
            "each with those before it; may be repeated. Left out: everything that its "
            "user may.",
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            metavar="COUNT",
            help="How long it lasts; left out, as long as LABELDOCK_TOKEN_MAX_DAYS "
            "permits.",
        ),
    ] = None,
    organization: Annotated[
        int | None,
        typer.Option(
            "--organization",
            metavar="ID",
            help="The organisation that it is good for, alone.",
        ),
    ] = None,
) -> None:
    """Make a token and print it, alone; it is not shown again."""
    from labeldock.services import access, tokens

    asked = {
        "title": title,
        "scopes": scope or None,
        "expires_in_days": days,
        "organization": organization,
    }
    with open_application() as app:
        wish = tokens.read_wish(asked)
        _, text = tokens.create_key(app, access.find_user(app, email), wish)
        typer.echo(text)


@token_commands.command("list")
def list_tokens(email: Email, as_json: AsJson = False) -> None:
    """List the tokens of a user, newest first, those that are over too."""
    from labeldock.services import access, tokens

    with open_application() as app:
        found = tokens.list_tokens(app, access.find_user(app, email))
    if as_json:
        print_json(found)
        return
    headings = ("id", "begins", "title", "kind", "scopes", "last used", "state")
    print_table(headings, map(_show, found))


@token_commands.command("revoke")
def revoke_token(
    token: Annotated[
        str | None,
        typer.Argument(
            metavar="TOKEN",
            help="The token. Left out, it is asked for, or read from standard input.",
        ),
    ] = None,
    token_id: Annotated[
        int | None,
        typer.Option("--id", metavar="ID", help="Its number instead, as listed."),
    ] = None,
) -> None:
    """End the validity of a token."""
    from labeldock.services import tokens

    if token_id is not None:
        with open_operation() as (app, principal):
            tokens.revoke_token(app, principal, token_id)
    else:
        chosen = token if token is not None else _ask_token()
        with open_application() as app:
            tokens.revoke_key(app, chosen.strip())
    typer.echo("The token is revoked.")


def _show(token: TokenView) -> tuple[object, ...]:
    if token.revoked_at is not None:
        state = f"revoked {token.revoked_at:%Y-%m-%d}"
    elif token.expires_at is not None:
        word = "ends" if token.is_in_force else "ended"
        state = f"{word} {token.expires_at:%Y-%m-%d}"
    else:
        state = "in force"
    scopes = ", ".join(token.scopes)
    used = token.last_used_at
    return (token.id, token.hint, token.title, token.kind, scopes, used, state)


def _ask_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True))
    return sys.stdin.readline()
