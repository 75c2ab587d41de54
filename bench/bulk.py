"""Inserting pages of tasks and links: ORM, Core, our bulk module, the bare driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert

from bench.bare import (
    LINK_COLUMNS,
    ROWS,
    TASK_COLUMNS,
    Row,
    build_insert,
    copy_rows,
    make_bare_copies,
    make_bare_database,
    read_ddl,
)
from bench.installation import Installation, opened_installation
from bench.report import Figure, Report, at_least
from bench.servers import PostgresServer, fresh_database, started_postgres
from bench.timing import measure
from bench.trees import temporary_folder
from labeldock.db.bulk import encode_time, insert_rows, reserve_ids
from labeldock.db.tables import ImportLink, Task

ROUNDS = 3
LEAST_RATIO = 1 / 3  # the bare tables have no foreign keys to check
_TASK: Any = Task.__table__  # type: ignore[attr-defined]
_LINK: Any = ImportLink.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with a storage, and a connection to bare tables like its own."""

    here: Installation
    storage_id: int
    bare: Any  # of sqlite3 or psycopg


def run(report: Report, *, is_quick: bool) -> None:
    """Insert the same rows in each way, into each database."""
    pages = 5 if is_quick else 30
    with temporary_folder() as folder, started_postgres(report.console) as server:
        with _opened_sqlite(folder) as place:
            _compare(report, "SQLite", place, pages)
        if server is not None:
            with _opened_postgres(folder, server) as place:
                _compare(report, "PostgreSQL", place, pages)


@contextmanager
def _opened_sqlite(folder: Path) -> Iterator[Place]:
    with _opened(folder / "sqlite") as (here, storage_id):
        ddl = read_ddl(here.database_path)
        with closing(make_bare_database(folder / "bare.sqlite3", ddl)) as bare:
            yield Place(here, storage_id, bare)


@contextmanager
def _opened_postgres(folder: Path, server: PostgresServer) -> Iterator[Place]:
    with (
        fresh_database(server) as url,
        _opened(folder / "postgres", url) as (here, storage_id),
        psycopg.connect(url, autocommit=True) as bare,
    ):
        make_bare_copies(bare)
        yield Place(here, storage_id, bare)


@contextmanager
def _opened(home: Path, url: str = "") -> Iterator[tuple[Installation, int]]:
    media = home.with_name(f"{home.name}-media")
    media.mkdir()
    (media / "image.jpg").touch()
    with opened_installation(home, roots=media, database_url=url) as here:
        yield here, here.connect_media(media)


def _compare(report: Report, database: str, place: Place, pages: int) -> None:
    is_sqlite = place.here.app.database.is_sqlite
    bare = _insert_by_executemany if is_sqlite else _insert_by_copy
    driver = "executemany" if is_sqlite else "COPY"
    fastest = _measure_rate(place, bare, pages)
    for name, way in (
        ("ORM add_all", _insert_by_orm),
        ("Core insert", _insert_by_core),
        ("our bulk module", _insert_by_bulk),
    ):
        rate = _measure_rate(
            place, way, max(2, pages // 10) if "ORM" in name else pages
        )
        is_ours = way is _insert_by_bulk
        target = at_least(rate / fastest, LEAST_RATIO, "ratio") if is_ours else None
        what = f"{database}: {name}, beside the driver's {driver}"
        report.add(Figure(what, rate, "tasks with link/s", fastest, target))


_numbers = count(1, ROWS)
Way = Callable[[Place, range], None]


def _measure_rate(place: Place, way: Way, pages: int) -> float:
    def insert_pages() -> None:
        for _ in range(pages):
            first = next(_numbers)
            way(place, range(first, first + ROWS))

    return pages * ROWS / min(measure(insert_pages) for _ in range(ROUNDS))


def _insert_by_orm(place: Place, numbers: range) -> None:
    now = datetime.now(UTC)
    with place.here.app.database.write() as session:
        tasks = [Task(**_task_values(place, n, now)) for n in numbers]
        session.add_all(tasks)
        session.flush()
        session.add_all(
            ImportLink(task_id=task.id, **_link_values(place, n, now))
            for n, task in zip(numbers, tasks, strict=True)
        )


def _insert_by_core(place: Place, numbers: range) -> None:
    now = datetime.now(UTC)
    with place.here.app.database.write_connection() as connection:
        returning = insert(_TASK).returning(_TASK.c.id, sort_by_parameter_order=True)
        tasks = [_task_values(place, n, now) for n in numbers]
        ids = connection.execute(returning, tasks).scalars().all()
        links = [
            {"task_id": i, **_link_values(place, n, now)}
            for n, i in zip(numbers, ids, strict=True)
        ]
        connection.execute(insert(_LINK), links)


def _insert_by_bulk(place: Place, numbers: range) -> None:
    with place.here.app.database.write_connection() as connection:
        now = encode_time(connection, datetime.now(UTC))
        ids = reserve_ids(connection, _TASK, len(numbers))
        project_id, storage_id = place.here.project_id, place.storage_id
        tasks = [_task_row(i, project_id, now) for i in ids]
        insert_rows(connection, _TASK, TASK_COLUMNS, tasks)
        links = [
            _link_row(storage_id, i, n, now) for n, i in zip(numbers, ids, strict=True)
        ]
        insert_rows(connection, _LINK, LINK_COLUMNS, links)


def _insert_by_executemany(place: Place, numbers: range) -> None:
    now = datetime.now(UTC).isoformat(" ", "microseconds")[:26]
    tasks = [_task_row(n, 1, now) for n in numbers]
    links = [_link_row(1, n, n, now) for n in numbers]
    place.bare.execute("BEGIN IMMEDIATE")
    place.bare.executemany(build_insert("task", TASK_COLUMNS), tasks)
    place.bare.executemany(build_insert("import_link", LINK_COLUMNS), links)
    place.bare.execute("COMMIT")


def _insert_by_copy(place: Place, numbers: range) -> None:
    now = datetime.now(UTC)
    with place.bare.transaction(), place.bare.cursor() as cursor:
        tasks = (_task_row(n, 1, now) for n in numbers)
        copy_rows(cursor, "task", TASK_COLUMNS, tasks)
        links = (_link_row(1, n, n, now) for n in numbers)
        copy_rows(cursor, "import_link", LINK_COLUMNS, links)


def _task_row(task_id: int, project_id: int, now: Any) -> Row:
    data = f'{{"$undefined$":"local:///media/image_{task_id:09}.jpg"}}'
    return (
        task_id, project_id, task_id, data, None, 1, True, False, 0, 0, 0, 1, now, now,
    )  # fmt: skip


def _link_row(storage_id: int, task_id: int, number: int, now: Any) -> Row:
    return (
        storage_id, task_id, _key(number), -1, -1, "linked", "etag", 1, now, True, None,
        now,
    )  # fmt: skip


def _task_values(place: Place, number: int, now: datetime) -> dict[str, Any]:
    uri = f"local:///media/image_{number:09}.jpg"
    return {
        "project_id": place.here.project_id,
        "inner_id": number,
        "data": {"$undefined$": uri},
        "meta": None,
        "overlap": 1,
        "allow_skip": True,
        "is_labeled": False,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _link_values(place: Place, number: int, now: datetime) -> dict[str, Any]:
    return {
        "storage_id": place.storage_id,
        "key": _key(number),
        "row_group": -1,
        "row_index": -1,
        "state": "linked",
        "etag": "etag",
        "size": 1,
        "last_modified": now,
        "object_exists": True,
        "problem": None,
        "created_at": now,
    }


def _key(number: int) -> str:
    return f"image_{number:09}.jpg"
