"""The schema of a release, frozen: how it was made, with rows in every table.

python -m tests.upgrades.freezing VERSION    as `./dev release` does it by itself

A release has a folder in `released/`: SQL that makes the database again, one file for
either kind, and what migrations there were. Nothing there is ever changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from sqlalchemy import Boolean, Float, Integer, LargeBinary, insert

from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.types import BigId, Json, UtcDateTime
from tests.servers.postgres import find_programs, fresh_database, run_postgres

RELEASED = Path("tests/upgrades/released")
MIGRATIONS = Path("core/src/labeldock/db/migrations/versions")
KINDS = ("sqlite", "postgresql")
ROWS = 3
SOME_TIME = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
TEXT = "Grüße 🐦 \\N 'a'\t日本"
DOCUMENT = {"nul": "a\0b", "many": 10**30, "é": [None, True, 0.1]}
# What pg_dump writes for itself, and other versions of PostgreSQL may not know.
OWN = re.compile(
    r"^(--.*|\\(un)?restrict .*|SET transaction_timeout .*)?\n", re.MULTILINE
)


def freeze_schema(root: Path, version: str, day: date) -> Path:
    """Write the schema that the migrations make now into a tree; the new folder."""
    folder = root / RELEASED / version
    folder.mkdir(parents=True)
    about = {
        "version": version,
        "date": day.isoformat(),
        "revision": schema.head_revision(),
        "migrations": list_migrations(root),
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    (folder / "sqlite.sql").write_text(dump_sqlite(folder), "utf-8")
    with run_postgres() as server, fresh_database(server) as url:
        text = dump_postgres(url)
    (folder / "postgresql.sql").write_text(text, "utf-8")
    return folder


def list_migrations(root: Path) -> dict[str, str]:
    """The migrations of a tree, each with the checksum of its file."""
    paths = sorted((root / MIGRATIONS).glob("[0-9]*.py"))
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def dump_sqlite(folder: Path) -> str:
    """A new, filled SQLite database as SQL."""
    path = folder / "filled.sqlite3"
    with closing(Database(f"sqlite:///{path}")) as database:
        fill(database)
    with closing(sqlite3.connect(path)) as connection:
        text = "\n".join(connection.iterdump())
    for left in folder.glob("filled.sqlite3*"):
        left.unlink()
    return text + "\n"


def dump_postgres(url: str) -> str:
    """Fill an empty PostgreSQL database; what it is then, as SQL."""
    with closing(Database(url)) as database:
        fill(database)
    options = ["--inserts", "--no-owner", "--no-privileges", "--encoding=UTF8"]
    done = subprocess.run(
        [find_programs() / "pg_dump", *options, url],
        capture_output=True,
        text=True,
        check=True,
    )
    return OWN.sub("", done.stdout)


def load_frozen(folder: Path, url: str) -> None:
    """Make the database of a release again, in an empty one."""
    kind = "postgresql" if url.startswith("postgresql") else "sqlite"
    text = (folder / f"{kind}.sql").read_text("utf-8")
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(text)
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text)


def fill(database: Database) -> None:
    """Make the schema, and put rows into every table, all unlike each other."""
    schema.upgrade(database)
    tables = schema.list_tables()
    with database.migrate_connection() as connection:
        for table in reversed(tables):
            connection.execute(table.delete())
        for table in tables:
            rows = [_build_row(table, number) for number in range(1, ROWS + 1)]
            connection.execute(insert(table), rows)


def _build_row(table, number):
    return {column.name: _make_value(column, number) for column in table.columns}


def _make_value(column, number):
    if column.foreign_keys or (column.primary_key and column.type is BigId):
        return number
    if column.nullable and number == ROWS:
        return None
    if column.name == "oldest_version":
        return "0.0.0"  # which everybody is newer than
    if column.type is BigId:
        return 2**62 + number
    for kind, make in MAKERS.items():
        if isinstance(column.type, kind):
            return make(number)
    return f"{number} {TEXT}"


MAKERS = {
    Json: lambda number: DOCUMENT | {"number": number},
    UtcDateTime: lambda number: SOME_TIME.replace(day=number),
    Boolean: lambda number: number % 2 == 0,
    LargeBinary: lambda number: bytes(range(256))[:: number * 8],
    Float: lambda number: number / 3,
    Integer: lambda number: number,
}


def list_released(root: Path) -> list[Path]:
    """The folders of all releases, by the day of each."""
    return sorted(
        (path.parent for path in (root / RELEASED).glob("*/about.json")),
        key=lambda path: (read_about(path)["date"], path.name),
    )


def read_about(folder: Path) -> dict:
    """What a release says of itself."""
    return json.loads((folder / "about.json").read_text("utf-8"))


if __name__ == "__main__":
    today = datetime.now(UTC).date()
    sys.stdout.write(f"{freeze_schema(Path.cwd(), sys.argv[1], today)}\n")
