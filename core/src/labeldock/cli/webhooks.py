"""`labeldock webhook`: have other systems told what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labeldock.cli.arguments import AnyProjectId, AsJson, AsUser
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from labeldock.services.webhooks.registry import DeliveryView, WebhookView

webhook_commands = typer.Typer(
    no_args_is_help=True, help="Addresses that are told of syncs and new tasks."
)
WebhookId = Annotated[
    int, typer.Argument(metavar="WEBHOOK", help="Number of the webhook.")
]
Actions = Annotated[
    list[str] | None,
    typer.Option(
        "--action",
        metavar="NAME",
        help="What it is told of, e.g. RUN_FAILED or ANNOTATION_CREATED; may be "
        "repeated. Otherwise all of them.",
    ),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="NAME=VALUE",
        help="A header to send along; may be repeated. VALUE may be @env:VARIABLE or "
        "@FILE.",
    ),
]


@webhook_commands.command("add")
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send to.")],
    project: AnyProjectId = None,
    actions: Actions = None,
    headers: Headers = None,
    payload: Annotated[
        bool,
        typer.Option("--payload/--no-payload", help="Send what it is about, or not."),
    ] = True,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook, and print its secret, which cannot be shown again."""
    from labeldock.services.webhooks import registry

    values: dict[str, Any] = {"url": url, "send_payload": payload}
    if actions:
        values["actions"] = actions
    if headers:
        values["headers"] = _read_headers(headers)
    with open_operation(as_user) as operation:
        view, secret = registry.add_webhook(*operation, project, values)
    if as_json:
        print_json({**_dump(view), "secret": secret})
        return
    typer.echo(f"Added webhook {view.id}. Its secret, to check signatures with:")
    typer.echo(f"  {secret}")


def _read_headers(assignments: list[str]) -> dict[str, str]:
    from labeldock.cli.settings_input import split_headers

    return split_headers(assignments)


@webhook_commands.command("list")
def list_webhooks(
    project: AnyProjectId = None, as_user: AsUser = None, as_json: AsJson = False
) -> None:
    """List webhooks."""
    from labeldock.services.webhooks import registry

    with open_operation(as_user) as operation:
        found = registry.list_webhooks(*operation, project)
    if as_json:
        print_json([_dump(view) for view in found])
        return
    headings = ("ID", "PROJECT", "URL", "ACTIONS", "ACTIVE", "FAILURES")
    print_table(headings, map(_show, found))


def _dump(view: WebhookView) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(view)


def _show(view: WebhookView) -> tuple[object, ...]:
    actions = "all" if view.send_for_all_actions else ", ".join(view.actions)
    project = view.project_id or "all"
    return (view.id, project, view.url, actions, view.is_active, view.failures)


@webhook_commands.command("update")
def update_webhook(
    webhook: WebhookId,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where to send to.")
    ] = None,
    actions: Actions = None,
    headers: Headers = None,
    active: Annotated[
        bool | None, typer.Option("--on/--off", help="Send, or keep quiet.")
    ] = None,
    as_user: AsUser = None,
) -> None:
    """Change what is given."""
    from labeldock.services.webhooks import registry

    given = {
        "url": url,
        "actions": actions or None,
        "headers": _read_headers(headers) if headers else None,
        "is_active": active,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    with open_operation(as_user) as operation:
        registry.update_webhook(*operation, webhook, changes)
    typer.echo(f"Updated webhook {webhook}.")


@webhook_commands.command("remove")
def remove_webhook(webhook: WebhookId, as_user: AsUser = None) -> None:
    """Remove a webhook and what waits for it."""
    from labeldock.services.webhooks import registry

    with open_operation(as_user) as operation:
        registry.remove_webhook(*operation, webhook)
    typer.echo(f"Removed webhook {webhook}.")


@webhook_commands.command("secret")
def rotate_secret(webhook: WebhookId, as_user: AsUser = None) -> None:
    """Make a new secret and print it; the old one counts no more."""
    from labeldock.services.webhooks import registry

    with open_operation(as_user) as operation:
        secret = registry.rotate_secret(*operation, webhook)
    typer.echo(secret)


@webhook_commands.command("test")
def send_test(webhook: WebhookId, as_user: AsUser = None) -> None:
    """Have a test message sent by a worker."""
    from labeldock.services.webhooks import registry

    with open_operation(as_user) as operation:
        registry.send_test(*operation, webhook)
    typer.echo("A test message waits for a worker; to see what comes of it:")
    typer.echo(f"  labeldock webhook deliveries {webhook}")


@webhook_commands.command("deliveries")
def list_deliveries(
    webhook: WebhookId,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="COUNT", min=1, max=1000, help="The newest, so many."
        ),
    ] = 20,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """List what a webhook was told, newest first, and what came of it."""
    from labeldock.services.webhooks import registry

    with open_operation(as_user) as operation:
        found = registry.list_deliveries(*operation, webhook, limit=limit)
    if as_json:
        print_json(found)
        return
    headings = ("ID", "ACTION", "STATE", "ATTEMPTS", "STATUS", "CREATED", "REASON")
    print_table(headings, map(_show_delivery, found))


def _show_delivery(view: DeliveryView) -> tuple[object, ...]:
    return (
        view.id,
        view.action,
        view.state,
        view.attempts,
        view.status_code,
        view.created_at,
        view.reason,
    )
