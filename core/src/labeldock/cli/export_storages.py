"""`labeldock storage deliveries`, `retry` and `verify`: is it all in the bucket."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser, StorageId
from labeldock.cli.failures import FAILURE
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json, print_table

if TYPE_CHECKING:
    from labeldock.services.context import AppContext
    from labeldock.services.exporting.verifying import Verification

SHOWN = 20


class State(StrEnum):
    """The states by the names that are typed."""

    FAILED = "failed"
    WAITING = "waiting"
    DELIVERED = "delivered"


def list_deliveries(
    storage: StorageId,
    state: Annotated[
        State, typer.Option("--state", help="Which of them.")
    ] = State.FAILED,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")
    ] = 100,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """List what could not be written to an export storage, or waits, or is written."""
    from labeldock.services.exporting import deliveries

    with open_operation(as_user) as operation:
        found = deliveries.list_deliveries(
            *operation, storage, deliveries.DeliveryState(state), limit=limit
        )
    if as_json:
        print_json(found)
        return
    headings = ("ID", "KEY", "WANTED", "ATTEMPTS", "NEXT TRY", "PROBLEM")
    rows = (
        (
            each.id,
            each.key,
            each.wanted,
            each.attempts,
            each.due_at,
            (each.problem or {}).get("message", ""),
        )
        for each in found
    )
    print_table(headings, rows)


def retry_deliveries(
    storage: StorageId,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", metavar="ID", help="Only this one; may be repeated."),
    ] = None,
    as_user: AsUser = None,
) -> None:
    """Try again what could not be written to an export storage."""
    from labeldock.services.exporting import deliveries

    with open_operation(as_user) as operation:
        count = deliveries.retry_deliveries(*operation, storage, ids)
        _deliver(operation.app, storage)
        left = deliveries.list_deliveries(
            *operation, storage, deliveries.DeliveryState.FAILED, limit=1
        )
    typer.echo(f"Tried {count} again.")
    if left:
        typer.echo(f"Some failed: labeldock storage deliveries {storage}", err=True)
        raise typer.Exit(FAILURE)


def verify_storage(
    storage: StorageId,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write again what is missing.")
    ] = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was exported with what lies in the bucket.

    The exit code is 1 if something is missing, and was not repaired, or was changed by
    others. Objects that this storage did not write are only counted.
    """
    from labeldock.services.exporting import verifying

    with open_operation(as_user) as operation:
        result = verifying.verify_storage(*operation, storage, repair=repair)
        if repair:
            _deliver(operation.app, storage)
    if as_json:
        print_json({**asdict(result), "ok": result.is_ok})
    else:
        _print_verification(result)
    if not result.is_ok:
        raise typer.Exit(FAILURE)


def _deliver(app: AppContext, storage_id: int) -> None:
    from labeldock.services.exporting.delivery import deliver_batch

    while deliver_batch(app, storage_id):
        pass


def _print_verification(result: Verification) -> None:
    typer.echo(
        f"{result.objects} objects: {result.known} known, {result.missing} missing, "
        f"{result.changed} changed, {result.foreign} foreign."
    )
    if result.repaired:
        typer.echo(f"Repaired {result.repaired}.")
    for finding in result.findings[:SHOWN]:
        typer.echo(f"  {finding.difference.value}: {clean_text(finding.key)}")
    if len(result.findings) > SHOWN:
        typer.echo("  More with --json.")
