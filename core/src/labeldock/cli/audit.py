"""`labeldock audit`: who did what, from where."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AnyProjectId, AsJson, AsUser
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.audit_log import AuditEntry, AuditFilter

audit_commands = typer.Typer(no_args_is_help=True, help="Who did what, from where.")


@audit_commands.command("list")
def list_entries(
    project: AnyProjectId = None,
    action: Annotated[
        str,
        typer.Option(
            "--action",
            metavar="NAME",
            help="One action, as storage.create; or storage. for all of a kind.",
        ),
    ] = "",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome", metavar="NAME", help="Only success, failure or refused."
        ),
    ] = "",
    since: Annotated[
        datetime | None,
        typer.Option("--since", help="No earlier than this, in this machine's time."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=1, help="How many, at most.")
    ] = 100,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """List entries of the audit log, newest first."""
    from labeldock.services.audit_log import AuditFilter

    chosen = AuditFilter(
        action=action,
        outcome=outcome,
        project_id=project,
        since=since.astimezone() if since else None,
    )
    with open_operation(as_user) as operation:
        found = _collect(operation, chosen, limit)
    if as_json:
        print_json(found)
        return
    headings = ("id", "when", "who", "from", "action", "what", "outcome")
    print_table(headings, map(_show, found))


@audit_commands.command("purge")
def purge_entries(
    days: Annotated[
        float | None,
        typer.Option(
            "--days",
            metavar="COUNT",
            min=1,
            help="Keep this many; left out, LABELDOCK_AUDIT_KEEP_DAYS.",
        ),
    ] = None,
    as_user: AsUser = None,
) -> None:
    """Remove old entries now; workers do it by themselves, too."""
    from labeldock.services import audit_log

    with open_operation(as_user) as (app, principal):
        removed = audit_log.purge_by_hand(app, principal, days=days)
    typer.echo(f"Removed {removed} entries.")


def _collect(operation: Operation, chosen: AuditFilter, limit: int) -> list[AuditEntry]:
    from labeldock.services import audit_log

    found: list[AuditEntry] = []
    while len(found) < limit:
        size = min(audit_log.MOST, limit - len(found))
        before = found[-1].id if found else None
        page = audit_log.list_entries(*operation, chosen, before=before, limit=size)
        found += page
        if len(page) < size:
            break
    return found


def _show(entry: AuditEntry) -> tuple[object, ...]:
    who = entry.user_email or "-"
    if entry.token_id is not None:
        who = f"{who} (token {entry.token_id})"
    what = f"{entry.target_kind} {entry.target_id}".strip()
    where = entry.address or entry.channel
    return (
        entry.id, entry.created_at, who, where, entry.action, what, entry.outcome,
    )  # fmt: skip
