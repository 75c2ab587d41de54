"""What went where, printed at the end of the story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import typer

from labeldock.cli.run_views import describe_problem, print_errors
from labeldock.cli.showing import print_table
from labeldock.services.projects import ProjectView
from labeldock.services.runs import RunErrorView, RunView
from labeldock.services.storages import StorageView

SHOWN_FILES: Final = 12


@dataclass(frozen=True, slots=True)
class SyncedStorage:
    """A storage, where it is, and what its sync came to."""

    storage: StorageView
    place: str
    run: RunView
    errors: list[RunErrorView]


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """An annotation file, and what is in it."""

    path: str
    content: str


def print_summary(
    project: ProjectView,
    synced: Sequence[SyncedStorage],
    files: Sequence[DeliveredFile],
) -> None:
    """Objects, tasks, errors and annotation files."""
    typer.echo(f"\nProject {project.id}: {project.title}\n")
    headings = ("STORAGE", "OBJECTS", "NEW TASKS", "KNOWN", "ERRORS", "PLACE")
    print_table(headings, map(_show, synced))
    for each in synced:
        _print_errors(each)
    typer.echo(f"\n{len(files)} annotation files are there:\n")
    shown = [(file.path, file.content) for file in files[:SHOWN_FILES]]
    print_table(("FILE", "CONTENT"), shown)
    if len(files) > SHOWN_FILES:
        typer.echo(f"and {len(files) - SHOWN_FILES} more in the same place")


def _show(each: SyncedStorage) -> tuple[object, ...]:
    counts = each.run.counts
    return (
        each.storage.fields["title"],
        counts.get("seen", 0),
        counts.get("created", 0),
        counts.get("existed", 0),
        counts.get("failed", 0),
        each.place,
    )


def _print_errors(each: SyncedStorage) -> None:
    if each.run.problem:
        typer.echo(f"\n{describe_problem(each.run)}")
    if each.errors:
        typer.echo(f"\nNot imported from {each.place}:")
        print_errors(each.errors)
