"""The bare loop: walk a folder, insert what is there, and nothing else.

Walked in the order of the keys, since that is the order an import keeps. Inserted with
`sqlite3.executemany`, 1,000 rows a transaction, WAL, synchronous=NORMAL, in a file,
into tables with the columns and indexes of the real ones.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

ROWS = 1000
TASK_COLUMNS = (
    "id", "project_id", "inner_id", "data", "meta", "overlap", "allow_skip",
    "is_labeled", "total_annotations", "cancelled_annotations", "total_predictions",
    "version", "created_at", "updated_at",
)  # fmt: skip
LINK_COLUMNS = (
    "storage_id", "task_id", "key", "row_group", "row_index", "state", "etag", "size",
    "last_modified", "object_exists", "problem", "created_at",
)  # fmt: skip

_FIRST = itemgetter(0)

Found = tuple[str, os.stat_result]
Row = tuple[Any, ...]


def walk(folder: str, head: str = "") -> Iterator[Found]:
    """Every file with its status, in the order of the keys."""
    with os.scandir(folder) as entries:
        found = sorted(((_sort_name(entry), entry) for entry in entries), key=_FIRST)
    for name, entry in found:
        if name[-1] == "/":
            yield from walk(entry.path, head + name)
        else:
            yield head + name, entry.stat(follow_symlinks=False)


def _sort_name(entry: os.DirEntry[str]) -> str:
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def list_bare(folder: Path) -> int:
    """Walk the folder; how many files there are."""
    return sum(1 for _ in walk(str(folder)))


def read_ddl(path: Path) -> list[str]:
    """The statements that make the tables and indexes of an installation."""
    query = (
        "SELECT sql FROM sqlite_master WHERE tbl_name IN ('task', 'import_link') "
        "AND sql IS NOT NULL ORDER BY type DESC"
    )
    with sqlite3.connect(path) as connection:
        statements = [row[0] for row in connection.execute(query)]
    connection.close()
    return statements


def make_bare_database(path: Path, ddl: Sequence[str]) -> sqlite3.Connection:
    """A connection to a new database with these tables."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    for statement in ddl:
        connection.execute(statement)
    return connection


def import_bare(connection: sqlite3.Connection, folder: Path) -> None:
    """Walk the folder and insert a task and a link for every file."""
    into_task = build_insert("task", TASK_COLUMNS)
    into_link = build_insert("import_link", LINK_COLUMNS)
    for tasks, links in build_pages(folder, true=1, false=0, render_time=_render_time):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(into_task, tasks)
        connection.executemany(into_link, links)
        connection.execute("COMMIT")


def build_insert(table: str, columns: Sequence[str]) -> str:
    """An insert with question marks."""
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def build_pages(
    folder: Path, *, true: Any, false: Any, render_time: Any
) -> Iterator[tuple[list[Row], list[Row]]]:
    """The rows of tasks and links, page by page."""
    now = render_time(datetime.now(UTC).timestamp())
    numbered = enumerate(walk(str(folder)), start=1)
    head = f'{{"$undefined$":"local://{folder}/'
    while page := list(islice(numbered, ROWS)):
        tasks = [
            (i, 1, i, f'{head}{key}"}}', None, 1, true, false, 0, 0, 0, 1, now, now)
            for i, (key, _) in page
        ]
        links = [
            (1, i, key, -1, -1, "linked", f"{s.st_mtime_ns:x}-{s.st_size:x}", s.st_size,
             render_time(s.st_mtime), true, None, now)
            for i, (key, s) in page
        ]  # fmt: skip
        yield tasks, links


def _render_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "microseconds")[:26]


def make_bare_copies(connection: Any) -> None:
    """On PostgreSQL: tables of another schema with the same columns and indexes."""
    connection.execute("CREATE SCHEMA bare")
    for table in ("task", "import_link"):
        connection.execute(
            f"CREATE TABLE bare.{table} (LIKE public.{table} INCLUDING ALL)"
        )
    connection.execute("SET search_path TO bare, public")


def copy_bare(connection: Any, folder: Path) -> None:
    """The same with psycopg and COPY, for comparison on PostgreSQL."""
    pages = build_pages(folder, true=True, false=False, render_time=_aware_time)
    for tasks, links in pages:
        with connection.transaction(), connection.cursor() as cursor:
            copy_rows(cursor, "task", TASK_COLUMNS, tasks)
            copy_rows(cursor, "import_link", LINK_COLUMNS, links)


def copy_rows(
    cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Row]
) -> None:
    """COPY rows into a table."""
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _aware_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
