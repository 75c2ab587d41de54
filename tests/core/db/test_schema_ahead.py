"""A schema newer than the version that meets it; indexes made while others write."""

from __future__ import annotations

from contextlib import closing
from importlib.metadata import version

import psycopg
import pytest
from sqlalchemy import inspect

from labeldock.contract.errors import ConfigurationError, Conflict
from labeldock.db import engine, schema
from labeldock.db.columns import utc_now
from labeldock.db.engine import Database
from labeldock.db.history import WorkerSign
from labeldock.db.schema_floor import is_older, load_floor, parse_release
from labeldock.services.upgrades import upgrade_database
from tests.core.concurrency import Background, run_at_once, wait_until
from tests.upgrades.made_up import (
    NEXT,
    UNDO_NEXT,
    NewerVersion,
    write_migration,
    write_next,
)

FAR = "99.0.0"
NEXT_DROP = 'op.drop_table("nest")'


@pytest.fixture
def newer(tmp_path):
    return NewerVersion(tmp_path / "newer")


@pytest.fixture
def expanded(database, newer):
    """A database that a newer version has added something to."""
    write_next(newer.folder, schema.head_revision())
    newer(schema.upgrade, database)
    return database


@pytest.fixture
def sqlite_expanded(sqlite_database, newer):
    """For what does not depend on the database."""
    write_next(newer.folder, schema.head_revision())
    newer(schema.upgrade, sqlite_database)
    return sqlite_database


def contract(newer, oldest=FAR):
    """A further migration, which takes something away."""
    declared = {"contracts": oldest}
    write_migration(newer.folder, "next3", "next2", NEXT_DROP, **declared)


def list_indexes(database, table="task"):
    return {index["name"] for index in inspect(database.engine).get_indexes(table)}


def test_what_a_newer_version_has_added_is_passed_over(expanded):
    before = schema.current_revision(expanded)

    schema.ensure_current(expanded)
    schema.upgrade(expanded)

    assert schema.is_ahead(before)
    assert schema.current_revision(expanded) == before == "next2"


def test_a_schema_that_lacks_what_this_version_needs_is_refused(expanded, newer):
    contract(newer)
    newer(schema.upgrade, expanded)

    for act in (schema.ensure_current, schema.upgrade):
        with pytest.raises(ConfigurationError, match=f"needs version {FAR}") as caught:
            act(expanded)
        assert "newer version" in caught.value.remedy


def test_what_older_versions_used_may_be_gone_for_this_one(sqlite_expanded, newer):
    contract(newer, version("labeldock"))

    newer(schema.upgrade, sqlite_expanded)

    schema.ensure_current(sqlite_expanded)


def test_the_way_down_opens_the_schema_to_older_versions_again(expanded, newer):
    contract(newer)
    newer(schema.upgrade, expanded)
    assert load_floor(expanded) == FAR
    newer(schema.downgrade, expanded, "next2")

    assert load_floor(expanded) == "0.0.0"
    schema.ensure_current(expanded)


def test_a_schema_that_says_nothing_of_older_versions_is_refused(database):
    with database.write_connection() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'x'")
        connection.exec_driver_sql("DROP TABLE schema_floor")

    with pytest.raises(ConfigurationError, match="which needs a newer one"):
        schema.ensure_current(database)


def test_an_older_schema_is_refused_with_the_command_to_run(sqlite_database, newer):
    write_next(newer.folder, schema.head_revision())

    with pytest.raises(ConfigurationError, match="at schema revision 0001") as caught:
        newer(schema.ensure_current, sqlite_database)

    assert caught.value.remedy == "Run: labeldock migrate"


def test_what_was_left_for_older_versions_is_no_difference(sqlite_database, newer):
    declared = {"leaves": ("nest", "task.weight", "project.season")}
    head = schema.head_revision()
    write_migration(newer.folder, "next1", head, NEXT, undo=UNDO_NEXT)
    newer(schema.upgrade, sqlite_database)
    kinds = sorted(each[0] for each in newer(schema.list_differences, sqlite_database))
    write_migration(newer.folder, "next1", head, NEXT, undo=UNDO_NEXT, **declared)

    assert kinds == ["remove_column", "remove_column", "remove_table"]
    assert newer(schema.list_differences, sqlite_database) == []


# Workers that are still running


def give_sign(database, version_):
    now = utc_now()
    row = {"name": "m:1", "version": version_, "threads": 1}
    with database.write() as session:
        session.add(WorkerSign(**row, started_at=now, seen_at=now))


def test_nothing_is_taken_away_while_older_workers_run(sqlite_expanded, newer):
    contract(newer)
    give_sign(sqlite_expanded, version("labeldock"))

    with pytest.raises(Conflict, match=f"Workers older than {FAR} are running: m:1"):
        newer(upgrade_database, sqlite_expanded)

    assert schema.current_revision(sqlite_expanded) == "next2"


def test_workers_that_do_not_need_it_are_no_obstacle(sqlite_expanded, newer):
    contract(newer)
    give_sign(sqlite_expanded, FAR)

    done = newer(upgrade_database, sqlite_expanded)

    assert (done.before, done.after, done.is_ahead) == ("next2", "next3", False)


def test_what_is_added_waits_for_no_worker(sqlite_database, newer):
    give_sign(sqlite_database, "0.0.1")
    write_next(newer.folder, schema.head_revision())

    assert newer(upgrade_database, sqlite_database).after == "next2"
    assert upgrade_database(sqlite_database).is_ahead


# Locks


def test_an_index_is_made_outside_of_a_transaction_and_again_if_it_broke_off(
    expanded, newer
):
    newer(schema.downgrade, expanded, "next1")
    assert "ix_task_weight" not in list_indexes(expanded)
    with expanded.write_connection() as connection:  # as an attempt may leave it
        if not expanded.is_sqlite:
            leftover = "CREATE INDEX ix_task_weight ON task (inner_id)"
            connection.exec_driver_sql(leftover)

    newer(schema.upgrade, expanded)

    (made,) = (
        index
        for index in inspect(expanded.engine).get_indexes("task")
        if index["name"] == "ix_task_weight"
    )
    assert made["column_names"] == ["weight"]


def test_an_empty_database_is_made_in_one_transaction(database_url, newer):
    write_next(newer.folder, schema.head_revision())
    with closing(Database(database_url)) as empty:
        with empty.migrate_connection() as connection:
            newer(schema.upgrade_within, connection)

        assert schema.current_revision(empty) == "next2"
        assert "ix_task_weight" in list_indexes(empty)


def test_processes_that_migrate_at_once_come_one_after_the_other(
    postgres_installation, newer, monkeypatch
):
    write_next(newer.folder, schema.head_revision())
    monkeypatch.setattr(schema, "_VERSIONS", (*schema._VERSIONS, newer.folder))

    def migrate():
        with closing(Database(postgres_installation.url)) as database:
            schema.upgrade(database)

    assert run_at_once(*[migrate] * 3) == [None] * 3
    with closing(Database(postgres_installation.url)) as database:
        assert schema.current_revision(database) == "next2"


def is_waiting(database):
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(0.1)'"
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar_one()


def test_an_index_does_not_wait_for_those_who_wait_for_their_turn(
    postgres_database, postgres_installation, monkeypatch
):
    # In one transaction, they and the index would wait for each other for ever.
    slow = f"{engine._TRY_TO_MIGRATE} FROM pg_sleep(0.1)"  # with a snapshot meanwhile
    monkeypatch.setattr(engine, "_TRY_TO_MIGRATE", slow)
    monkeypatch.setattr(engine, "_TURN_PAUSE", 0)
    with closing(Database(postgres_installation.url)) as other:
        with postgres_database.autocommit_connection() as connection:
            connection.exec_driver_sql("SET statement_timeout = '30s'")
            waiting = Background(lambda: schema._alter(other, lambda _: None))
            wait_until(lambda: is_waiting(postgres_database))
            connection.exec_driver_sql("CREATE INDEX CONCURRENTLY ix ON task (id)")
            assert waiting.is_running
            connection.exec_driver_sql("RESET statement_timeout")
        waiting.join()


def test_a_lock_that_somebody_holds_is_waited_for_in_short_turns(
    postgres_database, postgres_installation, newer, monkeypatch
):
    write_migration(newer.folder, "next1", schema.head_revision(), NEXT)
    monkeypatch.setattr(schema, "_LOCK_TIMEOUT", 20)
    monkeypatch.setattr(schema, "_LOCK_TRIES", 3)
    asleep = []
    monkeypatch.setattr(schema.time, "sleep", asleep.append)
    with psycopg.connect(postgres_installation.url) as reader:
        reader.execute("SELECT * FROM project")  # and the transaction goes on
        with pytest.raises(Conflict, match="stayed locked") as caught:
            newer(schema.upgrade, postgres_database)

    assert "labeldock migrate" in caught.value.remedy
    assert asleep == [schema._LOCK_PAUSE] * 2
    assert schema.current_revision(postgres_database) == "0001"
    newer(schema.upgrade, postgres_database)
    assert schema.current_revision(postgres_database) == "next1"


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("0.1.0", "0.2.0", True),
        ("0.9.0", "0.10.0", True),
        ("0.2.0rc1", "0.2.0", False),
        ("1.0", "1.0.1", True),
        ("1.0.0.dev3+local", "1.0.0", False),
    ],
)
def test_versions_are_compared_by_their_numbers(one, other, answer):
    assert is_older(one, other) is answer


def test_what_is_no_version_is_refused():
    with pytest.raises(ValueError, match="'next' is no version"):
        parse_release("next")
