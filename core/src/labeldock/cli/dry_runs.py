"""What a dry run found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from labeldock.cli.showing import clean_text

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.dry_runs import RunObjectView
    from labeldock.services.runs import RunView

SHOWN_OBJECTS = 10
"""Keys of a category that are printed; JSON has all that were kept."""


def dump_objects(operation: Operation, run: RunView) -> dict[str, Any]:
    """The objects of a dry run as JSON values; nothing for other runs."""
    if not _is_dry(run):
        return {}
    found = _list_objects(operation, run, None)
    return {"objects": [asdict(each) for each in found]}


def print_objects(operation: Operation, run: RunView) -> None:
    """The first objects of each category of a dry run; nothing for other runs."""
    from labeldock.services.importing.dry_run import CATEGORIES

    if not _is_dry(run):
        return
    for category in CATEGORIES:
        found = _list_objects(operation, run, category)
        for each in found:
            typer.echo(f"  {category:9} {clean_text(each.key)}")
        left = run.counts.get(category, 0) - len(found)
        if found and left > 0:
            typer.echo(f"  {category:9} and {left} more")
    typer.echo("Nothing was imported: this was a dry run.")


def _is_dry(run: RunView) -> bool:
    from labeldock.services.runs import DRY_RUN

    return run.kind == DRY_RUN


def _list_objects(
    operation: Operation, run: RunView, category: str | None
) -> Sequence[RunObjectView]:
    from labeldock.services import dry_runs

    limit = 100_000 if category is None else SHOWN_OBJECTS
    return dry_runs.list_run_objects(*operation, run.id, category=category, limit=limit)
