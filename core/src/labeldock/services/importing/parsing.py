"""From the bytes of a task file to its tasks: checked as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from labeldock.services.importing.formats.body import set_aside
from labeldock.services.importing.formats.json_rows import iterate_json
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.formats.limits import check_count, check_size
from labeldock.services.importing.formats.parquet_rows import MAGIC, iterate_parquet
from labeldock.services.importing.formats.problems import Place
from labeldock.services.importing.formats.rows import parse_row
from labeldock.services.importing.formats.tables import TAB, iterate_table
from labeldock.services.importing.formats.tasks import TaskSpool
from labeldock.settings import Settings

_WHAT_COMES_OUT: Final = "The tasks of the file are, as JSON,"


def parse_file(blocks: Iterable[bytes], kind: Kind, settings: Settings) -> TaskSpool:
    """All tasks of a file; none for an empty array, or a header alone.

    Args:
        blocks: its bytes, as they come.
        kind: what its name says that it is.
        settings: the limits.

    Raises:
        UnusableFile: it is broken, one row is not a task, or it is more than the
            operator admits.
    """
    tasks = TaskSpool()
    with set_aside(blocks, settings) as file:
        for place, row in _iterate_rows(file, kind, settings):
            check_count(settings, len(tasks) + 1)
            tasks.add(parse_row(settings, place, row))
            check_size(settings, tasks.length, _WHAT_COMES_OUT)
    return tasks


def _iterate_rows(
    file: IO[bytes], kind: Kind, settings: Settings
) -> Iterator[tuple[Place, Any]]:
    match kind:
        case Kind.CSV:
            return iterate_table(file, settings)
        case Kind.TSV:
            return iterate_table(file, settings, TAB)
        case Kind.PARQUET:
            return iterate_parquet(file, settings)
        case Kind.UNNAMED if _is_parquet(file):
            return iterate_parquet(file, settings)
        case _:
            return iterate_json(file, settings, is_lines=kind is Kind.LINES)


def _is_parquet(file: IO[bytes]) -> bool:
    head = file.read(len(MAGIC))
    file.seek(0)
    return head == MAGIC
