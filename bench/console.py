"""Pages of the console beside a million tasks: how long the server takes for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, cast, update
from sqlmodel import col
from starlette.testclient import TestClient

from bench.exports import PAGE, fill
from bench.installation import PASSWORD, Installation, opened_installation
from bench.report import Figure, Report, at_most
from bench.servers import PostgresServer, fresh_database, started_postgres
from bench.timing import measure
from bench.trees import temporary_folder
from labeldock.contract.values import Purpose
from labeldock.db.bulk import encode_rows, insert_rows
from labeldock.db.columns import utc_now
from labeldock.db.tables import (
    NO_ROW,
    ImportLink,
    Outbox,
    Project,
    Run,
    RunError,
    Storage,
    Task,
)
from labeldock.services import access
from labeldock.services.tokens import TokenWish, create_key
from labeldock.web import console
from labeldock.web.app import create_app

ROUNDS = 5
ADMIN = "admin@example.org"
MOST_SECONDS = 0.05
MOST_SCRIPT, MOST_STYLE = 40.0, 30.0  # kilobytes
STATIC = Path(console.__file__).with_name("static")
PAGES = {
    "projects": "/",
    "overview": "/projects/{p}/",
    "tasks": "/projects/{p}/tasks/",
    "tasks, in the middle": "/projects/{p}/tasks/?view=list&after={h}",
    "tasks not labelled": "/projects/{p}/tasks/?state=unlabelled",
    "tasks of a storage": "/projects/{p}/tasks/?storage=1&prefix=0005",
    "tasks with nothing found": "/projects/{p}/tasks/?state=skipped",
    "tasks whose export failed": "/projects/{p}/tasks/?trouble=export",
    "task": "/projects/{p}/tasks/{h}/",
    "label the next task": "/projects/{p}/label/",
    "storages": "/projects/{p}/storages/",
    "import storage": "/projects/{p}/storages/1/",
    "export storage": "/projects/{p}/storages/2/",
    "runs": "/projects/{p}/runs/",
    "run with many errors": "/projects/{p}/runs/1/",
    "errors": "/projects/{p}/errors/",
    "media": "/projects/{p}/media/",
    "backups": "/projects/{p}/backups/",
    "restore": "/restore/",
    "settings": "/projects/{p}/settings/",
    "members": "/projects/{p}/members/",
    "webhooks": "/projects/{p}/webhooks/",
    "audit log": "/projects/{p}/audit/",
    "system": "/system/",
}


def run(report: Report, *, is_quick: bool) -> None:
    """Fill each database, and ask for each page some times."""
    _weigh(report)
    many = 100_000 if is_quick else 1_000_000
    with temporary_folder() as folder:
        with opened_installation(folder / "sqlite", roots=folder) as here:
            _measure(report, here, "SQLite", many)
        with started_postgres(report.console) as server:
            if server is not None:
                with _opened_postgres(folder, server) as here:
                    _measure(report, here, "PostgreSQL", many)


def _weigh(report: Report) -> None:
    """What a browser loads beside the pages, before it is compressed."""
    for name, pattern, most in (
        ("scripts", "*.js", MOST_SCRIPT),
        ("style", "*.css", MOST_STYLE),
    ):
        size = sum(file.stat().st_size for file in STATIC.glob(pattern)) / 1000
        target = at_most(size, most, "kB")
        report.add(Figure(f"{name}, all together", size, "kB", target=target))


@contextmanager
def _opened_postgres(folder: Path, server: PostgresServer) -> Iterator[Installation]:
    home = folder / "postgres"
    with (
        fresh_database(server) as url,
        opened_installation(home, roots=folder, database_url=url) as here,
    ):
        yield here


def _measure(report: Report, here: Installation, database: str, many: int) -> None:
    _fill(here, many)
    admin = access.create_user(here.app, ADMIN, PASSWORD, is_admin=True)
    token = create_key(here.app, admin, TokenWish())[1]
    headers = {"Authorization": f"Token {token}", "Accept": "text/html"}
    with TestClient(create_app(here.app), headers=headers) as client:
        for name, path in PAGES.items():
            address = path.format(p=here.project_id, h=many // 2)

            def ask(address: str = address) -> None:
                client.get(address).raise_for_status()

            ask()
            seconds = min(measure(ask) for _ in range(ROUNDS))
            target = at_most(1000 * seconds, 1000 * MOST_SECONDS, "ms")
            label = f"{name}, {many:,} tasks, {database}"
            report.add(Figure(label, 1000 * seconds, "ms", target=target))


def _fill(here: Installation, many: int) -> None:
    """Tasks with annotations, their links, deliveries, and a run with many errors."""
    home = here.app.settings.home
    source = here.connect_media(home)
    target = here.connect(home, Purpose.EXPORT, can_delete_objects=False)
    fill(here, many)
    _insert(here, ImportLink, many, lambda n: _build_link(source, n))
    _insert(here, Outbox, many, lambda n: _build_parcel(target, n))
    with here.app.database.write() as session:
        project = session.get_one(Project, here.project_id)
        project.task_number = project.total_annotations_number = many
        project.finished_task_number = many // 2
        state = {"is_labeled": col(Task.inner_id) <= many // 2}
        counts = {"total_annotations": cast(state["is_labeled"], Integer)}
        session.execute(update(Task).values(**state, **counts))
        run = Run(
            storage_id=source,
            project_id=here.project_id,
            kind="import",
            state="completed_with_errors",
            counts={"seen": many, "created": many // 2, "failed": many // 2},
            started_at=utc_now(),
            finished_at=utc_now(),
        )
        session.add(run)
        session.flush()
        session.get_one(Storage, source).last_run_id = run.id
        run_id = run.id
    _insert(here, RunError, many // 2, lambda n: _build_error(run_id, n))
    _analyze(here)


def _analyze(here: Installation) -> None:
    """What the database does by itself sooner or later."""
    with here.app.database.write_connection() as connection:
        connection.exec_driver_sql("ANALYZE")


def _insert(here: Installation, table: Any, many: int, build: Any) -> None:
    numbers = iter(range(1, many + 1))
    while page := list(islice(numbers, PAGE)):
        rows = [build(number) for number in page]
        columns = tuple(rows[0])
        values = [tuple(row.values()) for row in rows]
        with here.app.database.write_connection() as connection:
            encoded = encode_rows(connection, table.__table__, columns, values)
            insert_rows(connection, table.__table__, columns, encoded)


def _build_link(storage_id: int, number: int) -> dict[str, Any]:
    return {
        "storage_id": storage_id, "task_id": number, "key": f"{number:09}.jpg",
        "row_group": NO_ROW, "row_index": NO_ROW, "state": "linked", "etag": "e",
        "size": 1, "object_exists": True, "created_at": utc_now(),
    }  # fmt: skip


def _build_parcel(storage_id: int, number: int) -> dict[str, Any]:
    return {
        "storage_id": storage_id, "key": f"{number:09}", "annotation_id": number,
        "task_id": number, "wanted": "present", "wanted_version": 1,
        "delivered_version": 1 if number % 10 else 0, "claimed_version": 1,
        "for_run": False, "in_doubt": 0, "attempts": 0, "has_failed": number % 20 == 0,
        "due_at": utc_now(), "lease_token": 0, "updated_at": utc_now(),
    }  # fmt: skip


def _build_error(run_id: int, number: int) -> dict[str, Any]:
    return {
        "run_id": run_id, "key": f"{number:09}.json", "row_index": NO_ROW,
        "code": f"cause_{number % 7}", "message": "It is broken.", "remedy": "Mend it.",
        "created_at": utc_now(),
    }  # fmt: skip
