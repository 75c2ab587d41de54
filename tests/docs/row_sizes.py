"""How many bytes a task and its link take: `python -m tests.docs.row_sizes`.

The figures of docs/how-to/host-a-service.md. It imports objects from a bucket in memory
into a SQLite file, and into a PostgreSQL of its own, and looks how large they are.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg

from labeldock.services.working import run_until_done
from tests.servers.postgres import fresh_database, run_postgres
from tests.system.worker_places import House

OBJECTS = 100_000
KEY = "photos/2026/birds/{:08}.jpg"  # 28 characters
TABLES = ("task", "import_link")


def fill(home, database_url):
    """Import so many objects, one task each."""
    with House(home, database_url) as house:
        house.bucket.put_all({KEY.format(n): "x" for n in range(OBJECTS)})
        app = house.open(page_size=1000)
        place = house.settle(app)
        run_id = place.request(place.add(use_blob_urls=True, recursive_scan=True))
        run_until_done(app, run_id, owner="sizes")
        assert place.run(run_id).counts["created"] == OBJECTS


def weigh_sqlite(path):
    """Bytes of each table with its indexes."""
    query = """
        SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s
        JOIN sqlite_master m ON m.name = s.name GROUP BY 1"""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute(query).fetchall())


def weigh_postgres(url):
    """Bytes of each table with its indexes, after its statistics are up to date."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT pg_total_relation_size(%s::regclass)"
        return {
            name: connection.execute(query, (name,)).fetchone()[0] for name in TABLES
        }


def main():
    """Print bytes of a task, its link, and both."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        fill(home, "")
        tell("SQLite", weigh_sqlite(home / "labeldock.sqlite3"))
        with run_postgres() as server, fresh_database(server) as url:
            fill(Path(name) / "other", url)
            tell("PostgreSQL", weigh_postgres(url))


def tell(database, sizes):
    """A line for people."""
    each = {name: sizes[name] / OBJECTS for name in TABLES}
    told = ", ".join(f"{name} {size:.0f}" for name, size in each.items())
    sys.stdout.write(f"{database}: {told}, both {sum(each.values()):.0f} bytes\n")


if __name__ == "__main__":
    main()
