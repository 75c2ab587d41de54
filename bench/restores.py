"""Restores: a lightweight archive beside a bare load of the same rows."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from bench.backups import back_up_to, fill_project
from bench.installation import Installation, opened_installation
from bench.memory import read_peak
from bench.report import Figure, Report, at_least, at_most
from bench.timing import alternate, measure, measure_work
from bench.trees import temporary_folder
from labeldock.services.restoring.asking import restore_upload
from labeldock.services.restoring.incoming import append_piece, begin_upload
from labeldock.services.working import run_until_done

LEAST_RATIO: Final = 0.5
MOST_GROWTH: Final = 64.0  # megabytes above the start
MEGABYTE: Final = 1024 * 1024
PAGE: Final = 2000
Clock = Callable[[Callable[[], object]], float]
LOADS: Final = (
    ("tasks.jsonl", "task", ("inner_id", "data", "meta", "overlap", "allow_skip",
     "is_labeled", "total_annotations", "cancelled_annotations", "total_predictions",
     "created_at", "updated_at"), {"project_id": 1, "version": 1}),
    ("annotations.jsonl", "annotation", ("task", "result", "was_cancelled",
     "ground_truth", "lead_time", "created_at", "updated_at"),
     {"project_id": 1, "version": 1}),
    ("references.jsonl", "slot_reference", ("task", "key", "row_group", "row_index",
     "state", "etag", "size", "last_modified"), {"slot_id": 1}),
)  # fmt: skip
"""Which entry goes into which table: fields of a line, and what is the same in all."""


def run(report: Report, *, is_quick: bool) -> None:
    """Measure on SQLite."""
    count = 100_000 if is_quick else 1_000_000
    with temporary_folder() as folder:
        archive = folder / "archive.zip"
        _make(folder, archive, count)
        with opened_installation(folder / "here", roots=folder) as here:
            before = read_peak()
            pairs = [
                alternate(
                    lambda clock=clock: clock(lambda: _restore(here, archive)),
                    lambda clock=clock: _load(folder, archive, clock),
                    rounds=1 if is_quick else 2,
                )
                for clock in (measure, measure_work)
            ]
            growth = (read_peak() - before) / MEGABYTE
    (ours, bare), (work, bare_work) = pairs
    rate, bare_rate = count / ours, count / bare
    name = f"restore, lightweight, {count:,} tasks"
    target = at_least(rate / bare_rate, LEAST_RATIO, "ratio")
    report.add(Figure(name, rate, "tasks/s", bare=bare_rate, target=target))
    # Beside other work, both sides wait; what this process works says more then.
    rates = count / work, count / bare_work
    report.add(Figure("the same per second of work", rates[0], "1/s", rates[1]))
    target = at_most(growth, MOST_GROWTH, "MB")
    report.add(Figure(f"{name}: memory above the start", growth, "MB", target=target))


def _make(folder: Path, archive: Path, count: int) -> None:
    with opened_installation(folder / "there", roots=folder) as there:
        fill_project(there, folder / "media", count)
        back_up_to(there, archive)


def _restore(here: Installation, archive: Path) -> None:
    upload = begin_upload(here.app, here.owner, archive.stat().st_size)
    append_piece(here.app, here.owner, upload.token, 0, archive)
    asked = restore_upload(here.app, here.owner, upload.token)
    ended = run_until_done(here.app, asked.run_id, owner="bench")
    assert ended.state == "completed", ended


def _load(folder: Path, archive: Path, clock: Clock) -> float:
    """The same rows into the same tables, by the driver, and nothing else."""
    home = folder / "bare"
    with opened_installation(home, roots=folder) as bare:
        path = bare.database_path
    seconds = clock(lambda: _load_rows(path, archive))
    shutil.rmtree(home)
    return seconds


def _load_rows(path: Path, archive: Path) -> None:
    connection = sqlite3.connect(path)
    # As the application opens it, so that both sides check and keep the same.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON",
                   "cache_size=-16384", "temp_store=MEMORY"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "INSERT INTO slot (id, project_id, name, provider, base_uri, prefix, options, "
        "mapped_prefix, is_kept, created_at, updated_at) "
        "VALUES (1, 1, '', '', '', '', '{}', '', 0, '', '')"
    )
    try:
        with zipfile.ZipFile(archive) as opened:
            for name, table, fields, same in LOADS:
                _load_table(connection, opened, name, table, fields, same)
    finally:
        connection.close()


def _load_table(
    connection: sqlite3.Connection,
    archive: zipfile.ZipFile,
    name: str,
    table: str,
    fields: tuple[str, ...],
    same: dict[str, Any],
) -> None:
    columns = ["task_id" if field == "task" else field for field in fields]
    names = ", ".join([*columns, *same])
    marks = ", ".join("?" * (len(fields) + len(same)))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    with archive.open(name) as entry:
        rows = _read(entry, fields, tuple(same.values()))
        while page := list(islice(rows, PAGE)):
            with connection:
                connection.executemany(statement, page)


def _read(
    lines: Any, fields: tuple[str, ...], same: tuple[Any, ...]
) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        values = orjson.loads(line)
        row = [values[field] for field in fields]
        for place, value in enumerate(row):
            if isinstance(value, dict | list):
                row[place] = orjson.dumps(value).decode()
        yield (*row, *same)
