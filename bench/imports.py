"""First imports, second syncs, task files, each against the bare loop."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import psycopg

from bench import partitions, peer_imports, resync, task_files
from bench.bare import (
    copy_bare,
    import_bare,
    list_bare,
    make_bare_copies,
    make_bare_database,
    read_ddl,
)
from bench.installation import opened_installation
from bench.report import Figure, Report, at_least
from bench.servers import PostgresServer, fresh_database, started_postgres
from bench.timing import alternate, measure
from bench.trees import make_deep, make_flat, temporary_folder

ROUNDS = 3
LEAST_RATIO = 0.5
LEAST_OF_SQLITE = 0.7
_numbers = count()


def run(report: Report, *, is_quick: bool) -> None:
    """Measure imports of a flat folder and of a deep tree."""
    files = 10_000 if is_quick else 100_000
    with temporary_folder() as folder, started_postgres(report.console) as server:
        trees = {
            "flat folder": make_flat(folder / "flat", files),
            "deep tree": make_deep(folder / "deep", folders=1000, files=files // 1000),
        }
        for name, tree in trees.items():
            list_bare(tree)  # whoever comes first would read the folder from the disk
            measured = Measured(report, f"{name}, {files:,} files", tree, files)
            measured.compare_sqlite(folder)
            if server is not None:
                measured.compare_postgres(folder, server)
    resync.run(report, is_quick=is_quick)
    task_files.run(report, is_quick=is_quick)
    partitions.run(report, is_quick=is_quick)
    peer_imports.run(report, is_quick=is_quick)


class Measured:
    """One tree, imported in several ways."""

    def __init__(self, report: Report, name: str, tree: Path, files: int) -> None:
        self._report = report
        self._name = name
        self._tree = tree
        self._files = files
        self._again: list[float] = []
        self._listed: list[float] = []

    def compare_sqlite(self, folder: Path) -> None:
        """First import on SQLite, which is promised; second sync beside a listing."""
        ours, bare = alternate(
            lambda: self._import_ours(folder),
            lambda: self._import_bare(folder),
            rounds=ROUNDS,
        )
        self._add("first import", ours, bare, LEAST_RATIO)
        again, listed = min(self._again), min(self._listed)
        self._add("second sync, beside a bare listing", again, listed, LEAST_RATIO)

    def compare_postgres(self, folder: Path, server: PostgresServer) -> None:
        """First import on PostgreSQL, beside SQLite, and beside psycopg and COPY."""
        ours, on_sqlite = alternate(
            lambda: self._import_on(folder, server),
            lambda: self._import_ours(folder),
            rounds=ROUNDS,
        )
        what = "first import on PostgreSQL, beside SQLite"
        self._add(what, ours, on_sqlite, LEAST_OF_SQLITE)
        bare = min(self._copy_bare(folder, server) for _ in range(ROUNDS))
        self._add("first import, PostgreSQL", ours, bare, None)

    def _add(self, what: str, ours: float, bare: float, least: float | None) -> None:
        rate, bare_rate = self._files / ours, self._files / bare
        target = at_least(rate / bare_rate, least, "ratio") if least else None
        name = f"{what}: {self._name}"
        self._report.add(Figure(name, rate, "objects/s", bare_rate, target))

    def _import_ours(self, folder: Path, database_url: str = "") -> float:
        home = folder / f"home-{next(_numbers)}"
        with opened_installation(home, roots=folder, database_url=database_url) as here:
            storage_id = here.connect_media(self._tree)
            seconds = measure(lambda: here.sync(storage_id))
            self._again.append(measure(lambda: here.sync(storage_id)))
        return seconds

    def _import_bare(self, folder: Path) -> float:
        number = next(_numbers)
        with opened_installation(folder / f"home-{number}", roots=folder) as here:
            ddl = read_ddl(here.database_path)
        connection = make_bare_database(folder / f"bare-{number}.sqlite3", ddl)
        seconds = measure(lambda: import_bare(connection, self._tree))
        connection.close()
        self._listed.append(measure(lambda: list_bare(self._tree)))
        return seconds

    def _import_on(self, folder: Path, server: PostgresServer) -> float:
        with fresh_database(server) as url:
            return self._import_ours(folder, url)

    def _copy_bare(self, folder: Path, server: PostgresServer) -> float:
        home = folder / f"home-{next(_numbers)}"
        with fresh_database(server) as url:
            with opened_installation(home, roots=folder, database_url=url):
                pass
            with psycopg.connect(url, autocommit=True) as connection:
                make_bare_copies(connection)
                return measure(lambda: copy_bare(connection, self._tree))
