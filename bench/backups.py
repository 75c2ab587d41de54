"""Backups: lightweight ones beside a bare dump of the same rows, full beside a copy."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from bench.installation import Installation, opened_installation
from bench.report import Figure, Report, at_least, at_most
from bench.timing import alternate, measure
from bench.trees import temporary_folder
from labeldock.db.bulk import encode_time, insert_rows, reserve_ids
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, ImportLink, Task
from labeldock.services.backups.asking import BackupAsk, request_backup
from labeldock.services.backups.zips import COMPRESSION
from labeldock.services.working import run_until_done

LEAST_RATIO: Final = 0.5
MOST_GROWTH: Final = 64.0  # megabytes above the start
PAGE: Final = 10_000
PICTURE: Final = 1024 * 1024
RESULT: Final = '[{"type":"choices","value":{"choices":["gull"]},"from_name":"kind"}]'
TABLES: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (Task, ("data", "meta")),
    (Annotation, ("result",)),
    (ImportLink, ("problem",)),
)
"""What is dumped, and which columns are documents already."""


def run(report: Report, *, is_quick: bool) -> None:
    """Measure both kinds, on SQLite."""
    count = 100_000 if is_quick else 1_000_000
    pictures = 100 if is_quick else 1000
    with temporary_folder() as folder:
        _measure_light(report, folder / "light", count)
        _measure_full(report, folder / "full", pictures)


def _measure_light(report: Report, folder: Path, count: int) -> None:
    media = _make_pictures(folder / "media", 1, 10)
    with opened_installation(folder / "data", roots=folder) as here:
        storage_id = here.connect_media(media)
        _insert(here, storage_id, count)
        before = _read_peak()
        ours, bare = alternate(
            lambda: measure(lambda: _back_up(here, lightweight=True)),
            lambda: measure(lambda: _dump(here, folder / "bare.zip")),
            rounds=2,
        )
        growth = _read_peak() - before
    rate, bare_rate = count / ours, count / bare
    name = f"lightweight, {count:,} tasks"
    target = at_least(rate / bare_rate, LEAST_RATIO, "ratio")
    report.add(Figure(name, rate, "tasks/s", bare=bare_rate, target=target))
    target = at_most(growth, MOST_GROWTH, "MB")
    report.add(Figure(f"{name}: memory above the start", growth, "MB", target=target))


def _measure_full(report: Report, folder: Path, count: int) -> None:
    media = _make_pictures(folder / "media", count, PICTURE)
    with opened_installation(folder / "data", roots=folder) as here:
        here.sync(here.connect_media(media))
        before = _read_peak()
        ours, bare = alternate(
            lambda: measure(lambda: _back_up(here, lightweight=False)),
            lambda: measure(lambda: _copy(media, folder / "copy")),
            rounds=2,
        )
        growth = _read_peak() - before
    rate, bare_rate = count / ours, count / bare
    name = f"full, {count:,} objects of 1 MiB"
    report.add(Figure(name, rate, "MiB/s", bare=bare_rate))
    target = at_most(growth, MOST_GROWTH, "MB")
    report.add(Figure(f"{name}: memory above the start", growth, "MB", target=target))


def fill_project(here: Installation, folder: Path, count: int) -> None:
    """Make so many tasks, each with a link to an object that need not be there."""
    _insert(here, here.connect_media(_make_pictures(folder, 1, 10)), count)


def back_up_to(here: Installation, path: Path) -> None:
    """Make a lightweight archive and copy it to a file."""
    _back_up(here, lightweight=True)
    files = (here.app.settings.home / "files").rglob("*")
    shutil.copyfile(max(files, key=lambda file: file.stat().st_size), path)


def _back_up(here: Installation, *, lightweight: bool) -> None:
    ask = BackupAsk(here.project_id, lightweight=lightweight)
    asked = request_backup(here.app, here.owner, ask)
    ended = run_until_done(here.app, asked.run_id, owner="bench")
    assert ended.state == "completed", ended


def _dump(here: Installation, path: Path) -> None:
    """The same rows as JSON lines in a zip, by the driver, and nothing else."""
    connection = sqlite3.connect(here.database_path)
    try:
        with zipfile.ZipFile(
            path, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION
        ) as archive:
            for table, documents in TABLES:
                name = table.__tablename__
                with archive.open(f"{name}.jsonl", "w", force_zip64=True) as entry:
                    for block in _read_rows(connection, name, documents):
                        entry.write(block)
    finally:
        connection.close()


def _read_rows(
    connection: sqlite3.Connection, name: str, documents: tuple[str, ...]
) -> Iterator[bytes]:
    cursor = connection.execute(f'SELECT * FROM "{name}" ORDER BY id')
    names = [column[0] for column in cursor.description]
    places = [names.index(each) for each in documents]
    while rows := cursor.fetchmany(1000):
        lines = []
        for row in rows:
            values = list(row)
            for place in places:
                text = values[place]
                values[place] = None if text is None else orjson.Fragment(text)
            lines.append(orjson.dumps(dict(zip(names, values, strict=True))))
        yield b"\n".join(lines) + b"\n"


def _copy(source: Path, target: Path) -> None:
    """The objects, one after the other, into one file that outlives a power cut."""
    with target.open("wb") as file:
        for path in sorted(source.iterdir()):
            with path.open("rb") as picture:
                shutil.copyfileobj(picture, file, PICTURE)
        file.flush()
        os.fsync(file.fileno())


def _make_pictures(folder: Path, count: int, size: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(
            number.to_bytes(4, "big") * (size // 4)
        )
    return folder


def _insert(here: Installation, storage_id: int, count: int) -> None:
    """Tasks with a link each, and an annotation for every second one."""
    for first in range(0, count, PAGE):
        with here.app.database.write_connection() as connection:
            now = encode_time(connection, utc_now())
            tasks: Any = Task.__table__  # type: ignore[attr-defined]
            ids = reserve_ids(connection, tasks, PAGE)
            numbers = range(first, first + PAGE)
            pairs = list(zip(ids, numbers, strict=True))
            _insert_tasks(connection, here.project_id, pairs, now)
            _insert_links(connection, storage_id, pairs, now)


def _insert_links(
    connection: Any, storage_id: int, pairs: list[tuple[int, int]], now: Any
) -> None:
    links: Any = ImportLink.__table__  # type: ignore[attr-defined]
    columns = (
        "storage_id", "task_id", "key", "row_group", "row_index", "state", "etag",
        "size", "object_exists", "object_changed", "created_at",
    )  # fmt: skip
    rows = [
        (storage_id, i, f"pictures/{n:09}.jpg", -1, -1, "linked", f"{n:032x}",
         123_456, 1, 0, now)
        for i, n in pairs
    ]  # fmt: skip
    insert_rows(connection, links, columns, rows)


def _insert_tasks(
    connection: Any, project_id: int, pairs: list[tuple[int, int]], now: Any
) -> None:
    tasks: Any = Task.__table__  # type: ignore[attr-defined]
    columns = ("id", "project_id", "inner_id", "data", "overlap", "allow_skip",
               "is_labeled", "total_annotations", "cancelled_annotations",
               "total_predictions", "version", "created_at", "updated_at")  # fmt: skip
    rows = [
        (i, project_id, n + 1, f'{{"image":"file:///pictures/{n:09}.jpg"}}', 1, 1, 0,
         (n + 1) % 2, 0, 0, 1, now, now)
        for i, n in pairs
    ]  # fmt: skip
    insert_rows(connection, tasks, columns, rows)
    annotations: Any = Annotation.__table__  # type: ignore[attr-defined]
    columns = ("task_id", "project_id", "result", "was_cancelled", "ground_truth",
               "version", "created_at", "updated_at")  # fmt: skip
    said = [(i, project_id, RESULT, 0, 0, 1, now, now) for i, n in pairs if n % 2 == 0]
    insert_rows(connection, annotations, columns, said)


def _read_peak() -> float:
    """The most that this process held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
