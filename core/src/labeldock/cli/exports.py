"""`labeldock export`: a project's tasks and annotations as one file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from labeldock.cli.arguments import AsUser, ProjectId
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import clean_text

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation


class FileFormat(StrEnum):
    """The formats by the names that are typed."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def export(
    project: ProjectId,
    form: Annotated[
        FileFormat, typer.Option("--format", "-f", help="How the file is written.")
    ] = FileFormat.JSON,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="The file to write; otherwise standard output.",
        ),
    ] = None,
    as_user: AsUser = None,
) -> None:
    """Write a project's tasks and annotations to a file.

    An existing file is replaced once the new one is complete.
    """
    with open_operation(as_user) as operation:
        if output is None or str(output) == "-":
            _dump(operation, project, form, sys.stdout.buffer)
            return
        with open_output(output) as file:
            tasks, annotations = _dump(operation, project, form, file)
    place = clean_text(str(output))
    note = f"Wrote {tasks} tasks with {annotations} annotations to {place}"
    typer.echo(note, err=True)


def _dump(
    operation: Operation, project_id: int, form: FileFormat, file: BinaryIO
) -> tuple[int, int]:
    from labeldock.services.exporting.dump import DumpFormat, dump_project

    tasks = annotations = 0
    for chunk in dump_project(*operation, project_id, DumpFormat(form)):
        file.write(chunk.content)
        tasks += chunk.tasks
        annotations += chunk.annotations
    file.flush()
    return tasks, annotations


def open_output(path: Path) -> AbstractContextManager[BinaryIO]:
    """A file to write to, which takes the place of another once it is complete."""
    is_special = path.exists() and not path.is_file()  # a pipe, or /dev/null
    return path.open("wb") if is_special else _replace_file(path)


@contextmanager
def _replace_file(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place if the block ends well."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("xb") as file:
            yield file
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
