"""The commands of `labeldock user` for accounts that are there, and for teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import open_application
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from labeldock.services.accounts.links import IssuedLink
    from labeldock.services.context import AppContext

Email = Annotated[
    str, typer.Option("--email", metavar="EMAIL", help="The user's e-mail address.")
]
_HEADINGS = ("ID", "EMAIL", "NAME", "ADMIN", "ACTIVE", "PASSWORD", "CREATED")


def list_users(as_json: AsJson = False) -> None:
    """List all users, also those who are not active."""
    from labeldock.services.accounts import users

    with open_application() as app:
        found = users.list_accounts(app)
    if as_json:
        print_json(found)
        return
    rows = (
        (
            user.id,
            user.email,
            f"{user.first_name} {user.last_name}".strip(),
            "yes" if user.is_admin else "no",
            "yes" if user.is_active else "no",
            "yes" if user.has_password else "no",
            user.created_at,
        )
        for user in found
    )
    print_table(_HEADINGS, rows)


def print_link(
    email: Annotated[
        str | None,
        typer.Option(
            "--email",
            metavar="EMAIL",
            help="Whose; left out, that of the first administrator.",
        ),
    ] = None,
    hours: Annotated[
        int,
        typer.Option("--hours", metavar="COUNT", help="How long it is good for."),
    ] = 24,
) -> None:
    """Print a link with which a user sets a password, once, and logs in.

    Setting it ends their sessions. The address is LABELDOCK_PUBLIC_URL, or that of
    this machine.
    """
    from labeldock.services import access
    from labeldock.services.accounts import links, users

    with open_application() as app:
        if email is None:
            user_id = access.find_operator(app).user_id
        else:
            user_id = users.find_account(app, email).id
        link = links.issue_link(app, None, user_id, hours=hours)
        typer.echo(render_link(app, link))


def render_link(app: AppContext, link: IssuedLink, address: str | None = None) -> str:
    """The whole address of a link: by the setting, as it is served, or by default."""
    from labeldock.cli.serving import DEFAULT_HOST, DEFAULT_PORT

    usual = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
    base = app.settings.public_url or address or usual
    return base.rstrip("/") + link.path


def deactivate_user(email: Email) -> None:
    """Keep a user out: sessions end, and tokens, links and invitations are revoked."""
    from labeldock.services.accounts import users

    with open_application() as app:
        users.deactivate_user(app, None, users.find_account(app, email).id)
    typer.echo(f"{email} cannot come in any more.")


def activate_user(email: Email) -> None:
    """Let a user in again; new tokens have to be made."""
    from labeldock.services.accounts import users

    with open_application() as app:
        users.activate_user(app, None, users.find_account(app, email).id)
    typer.echo(f"{email} can come in again.")


def delete_user(
    email: Email,
    keep_name: Annotated[
        bool,
        typer.Option(
            "--keep-name", help="Annotations go on showing the first and last name."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a user for good; what they labelled stays, and so do their projects.

    Where they were a project's only owner, the administrators of its organization
    become owners.
    """
    from labeldock.services.accounts import users

    with open_application() as app:
        user = users.find_account(app, email)
        if not yes:
            typer.confirm(f"Delete {user.email} for good?", abort=True)
        users.delete_user(app, None, user.id, keeps_name=keep_name)
    typer.echo(f"{user.email} is deleted.")
