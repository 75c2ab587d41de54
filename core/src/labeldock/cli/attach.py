"""`labeldock attach`: which storage serves a project's media."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from labeldock.cli.arguments import AsJson, AsUser, ProjectId
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text, print_json

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.slots.attaching import Attached
    from labeldock.services.slots.meta import MediaMeta

_SAMPLE = 20


class Verify(StrEnum):
    """How many of the referenced objects are looked for."""

    NONE = "none"
    SAMPLE = "sample"
    ALL = "all"


def attach(
    project: ProjectId,
    storage: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of an import storage of the project; otherwise only show.",
        ),
    ] = None,
    slot: Annotated[
        str | None,
        typer.Option(help="Name of the slot; not needed where only one can be meant."),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="What keys begin with in the storage; otherwise its own prefix."
        ),
    ] = None,
    verify: Annotated[
        Verify, typer.Option(help="Look for referenced objects: some before, or all.")
    ] = Verify.SAMPLE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look; change nothing.")
    ] = False,
    as_json: AsJson = False,
    as_user: AsUser = None,
) -> None:
    """Let a storage serve a project's media, in place of one that is gone.

    Tasks are not changed: their URIs lead to the new storage from then on.
    """
    from labeldock.services.slots.attaching import AttachOrder, attach_storage
    from labeldock.services.slots.meta import describe_project

    with open_operation(as_user) as operation:
        attached = None
        if storage is not None:
            sample = _SAMPLE if verify is Verify.SAMPLE else 0
            order = AttachOrder(project, storage, slot, prefix, sample, dry_run)
            attached = attach_storage(*operation, order)
        meta = describe_project(*operation, project)
        if as_json:
            _print_json(meta, attached)
        else:
            _print(meta, attached)
        if storage is not None and verify is Verify.ALL and not dry_run:
            _check_all(operation, storage, as_json=as_json)


def _print_json(meta: MediaMeta, attached: Attached | None) -> None:
    slots = [asdict(use.slot) | {"tasks": use.tasks} for use in meta.slots]
    print_json({"slots": slots, "change": asdict(attached) if attached else None})


def _print(meta: MediaMeta, attached: Attached | None) -> None:
    if attached is not None:
        typer.echo(f"{attached.linked} references linked, {attached.left} left.")
        if attached.report is not None:
            counts = attached.report.counts.items()
            found = ", ".join(f"{count} {name}" for name, count in counts if count)
            typer.echo(f"Looked for {attached.report.checked}: {found or 'none'}")
            for problem in attached.report.problems:
                key = clean_text(problem.key)
                typer.echo(f"  {key}: {problem.message}", err=True)
    for use in meta.slots:
        place = clean_text(f"{use.slot.base_uri}{use.slot.prefix}")
        by = f" by storage {use.slot.storage_id}" if use.slot.storage_id else ""
        name = clean_text(use.slot.name)
        typer.echo(f"{name}: {use.slot.state}{by}, {use.tasks} tasks from {place}")
    if not meta.slots:
        typer.echo("The project has no media in a storage.")


def _check_all(operation: Operation, storage: int, *, as_json: bool) -> None:
    from labeldock.cli.terminal_work import follow_run
    from labeldock.services.slots.check_run import request_check

    run = request_check(*operation, storage)
    follow_run(operation, run, wait=True, as_json=as_json)
