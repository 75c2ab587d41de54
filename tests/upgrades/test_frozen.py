"""The database of every release, frozen when it was made, is brought to this schema."""

from __future__ import annotations

from contextlib import closing, nullcontext
from functools import partial

import pytest
from sqlalchemy import MetaData, select

from labeldock.db import schema
from labeldock.db.engine import Database
from tests.architecture.sources import ROOT
from tests.servers.postgres import fresh_database
from tests.upgrades.freezing import (
    ROWS,
    dump_postgres,
    dump_sqlite,
    list_migrations,
    list_released,
    load_frozen,
    read_about,
)
from tests.upgrades.made_up import NEXT, NewerVersion, write_migration


@pytest.fixture(scope="session")
def frozen(postgres_server, tmp_path_factory):
    """The present schema, frozen as by a release of today."""
    folder = tmp_path_factory.mktemp("released")
    (folder / "sqlite.sql").write_text(dump_sqlite(folder), "utf-8")
    with fresh_database(postgres_server) as url:
        (folder / "postgresql.sql").write_text(dump_postgres(url), "utf-8")
    return folder


@pytest.fixture
def newer(tmp_path):
    return NewerVersion(tmp_path / "newer")


@pytest.fixture(params=["sqlite", "postgresql"])
def build_url(request, tmp_path):
    """Empty databases of a kind, one after the other."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        return lambda _name: fresh_database(server)
    return lambda name: nullcontext(f"sqlite:///{tmp_path}/{name}.db")


def read_all(database):
    """Every row of every table, as the database has them, ordered by their keys."""
    found = MetaData()
    found.reflect(database.engine)
    with database.engine.connect() as connection:
        return {
            table.name: sorted(
                (row._asdict() for row in connection.execute(select(table))),
                key=lambda row: str(list(row.values())[:2]),
            )
            for table in found.sorted_tables
        }


def find_lost(before, after, left=()):
    """Rows and values that an upgrade has lost or changed, but for what was left."""
    lost = []
    for table, rows in before.items():
        if table in {"alembic_version", *left}:
            continue
        kept = after.get(table, [])
        columns = [n for n in (rows[0] if rows else ()) if f"{table}.{n}" not in left]
        ours = [[row[name] for name in columns] for row in rows]
        theirs = [[row.get(name) for name in columns] for row in kept]
        if ours != theirs[: len(ours)]:
            lost.append(table)
    return lost


def upgrade_frozen(folder, url, upgrade):
    """Load a release's database and upgrade it; what was lost, and what differs."""
    load_frozen(folder, url)
    with closing(Database(url)) as database:
        before = read_all(database)
        upgrade(database)
        return before, find_lost(before, read_all(database))


def test_every_released_schema_is_brought_to_this_one(build_url):
    # There is a folder for each release; until the first one there is none.
    for folder in list_released(ROOT):
        with build_url(folder.name) as url:
            before, lost = upgrade_frozen(folder, url, schema.upgrade)
            assert {len(rows) for rows in before.values()} == {1, ROWS}, folder
            assert lost == [], folder
            with closing(Database(url)) as database:
                assert schema.list_differences(database) == [], folder


def test_migrations_that_were_released_are_never_changed():
    present = list_migrations(ROOT)
    changed = {
        (folder.name, name)
        for folder in list_released(ROOT)
        for name, checksum in read_about(folder)["migrations"].items()
        if present.get(name) != checksum
    }

    assert changed == set()


def test_a_frozen_schema_is_the_one_that_it_was_made_from(frozen, database_url):
    before, lost = upgrade_frozen(frozen, database_url, schema.ensure_current)

    assert lost == []
    assert {table.name for table in schema.list_tables()} < set(before)
    assert {len(rows) for rows in before.values()} == {1, ROWS}
    with closing(Database(database_url)) as database:
        assert schema.list_differences(database) == []


def test_a_frozen_schema_takes_what_a_later_version_adds(frozen, database_url, newer):
    write_migration(newer.folder, "next1", schema.head_revision(), NEXT)

    upgrade = partial(newer, schema.upgrade)
    before, lost = upgrade_frozen(frozen, database_url, upgrade)

    assert (len(before["task"]), lost) == (ROWS, [])
    with closing(Database(database_url)) as database:
        after = read_all(database)
    assert {row["weight"] for row in after["task"]} == {1}


@pytest.mark.parametrize(
    ("body", "losses"),
    [
        ('op.execute("UPDATE task SET inner_id = 7 WHERE id = 1")', ["task"]),
        ('op.execute("DELETE FROM draft")', ["draft"]),
        ('op.drop_table("draft")', ["draft"]),
        ('op.drop_column("project", "description")', ["project"]),
    ],
    ids=["changed", "deleted", "dropped", "column"],
)
def test_what_an_upgrade_loses_is_found(frozen, tmp_path, newer, body, losses):
    write_migration(newer.folder, "next1", schema.head_revision(), body)
    url = f"sqlite:///{tmp_path}/labeldock.db"

    assert upgrade_frozen(frozen, url, partial(newer, schema.upgrade))[1] == losses
