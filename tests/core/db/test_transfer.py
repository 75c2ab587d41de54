"""A database moves from SQLite to PostgreSQL: every table, every kind of value."""

from __future__ import annotations

import shutil
import tracemalloc
from contextlib import closing
from sqlite3 import OperationalError

import pytest
from sqlalchemy import func, inspect, select, text

from labeldock.contract.errors import Conflict, InvalidInput, LabeldockError
from labeldock.db import schema
from labeldock.db.bulk import reserve_ids
from labeldock.db.columns import utc_now
from labeldock.db.engine import Database
from labeldock.db.history import WorkerSign
from labeldock.db.tables import Run, Task
from labeldock.db.transfer import compare_tables, copy_tables, empty_tables
from labeldock.db.types import database_now
from labeldock.services.database_move import move_database
from tests.core.db.filled import fill

TABLES = {table.name: table for table in schema.SCHEMA.sorted_tables}


def ignore(*_):
    """Nobody watches."""


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """The file of a filled database; making it takes a while."""
    path = tmp_path_factory.mktemp("filled") / "filled.sqlite3"
    with closing(Database(f"sqlite:///{path}")) as database:
        fill(database)
    return path


@pytest.fixture
def source(tmp_path, filled):
    path = shutil.copy(filled, tmp_path / "source.sqlite3")
    with closing(Database(f"sqlite:///{path}")) as database:
        yield database


@pytest.fixture
def target(postgres_url):
    with closing(Database(postgres_url)) as database:
        yield database


def list_tables(database):
    return set(inspect(database.engine).get_table_names())


def test_every_row_of_every_table_arrives(source, target):
    seen = set()

    moved = move_database(source, target, lambda *told: seen.add(told))

    assert [table.table for table in moved.tables] == list(TABLES)
    assert {table.rows for table in moved.tables} == {5}
    assert len({table.checksum for table in moved.tables}) == len(TABLES)
    assert {("copied", "task", 5), ("compared", "task", 5)} <= seen
    assert list_tables(source) - {"sqlite_sequence"} == list_tables(target)
    assert schema.list_differences(target) == []
    schema.ensure_current(target)
    with source.read() as ours, target.read() as theirs:
        for table in TABLES.values():
            everything = select(table).order_by(*_numbers(table))
            assert ours.execute(everything).all() == theirs.execute(everything).all()


def _numbers(table):
    """A column that sorts the same everywhere: a number or a time."""
    return [c for c in table.columns if str(c.type) in {"BIGINT", "DATETIME"}][:1]


def test_numbers_that_were_given_are_never_given_again(source, target):
    with source.write_connection() as connection:
        reserve = "UPDATE sqlite_sequence SET seq = 900 WHERE name = 'task'"
        connection.exec_driver_sql(reserve)

    move_database(source, target, ignore)

    with target.write_connection() as connection:
        assert reserve_ids(connection, TABLES["task"], 2) == [901, 902]
        assert reserve_ids(connection, TABLES["project"], 1) == [6]


def test_what_the_schema_makes_by_itself_is_no_obstacle(source, target):
    schema.upgrade(target)

    assert move_database(source, target, ignore).rows == 5 * len(TABLES)


def test_a_target_that_holds_anything_is_left_alone(source, target):
    move_database(source, target, ignore)

    with pytest.raises(Conflict, match="not empty: annotation"):
        move_database(source, target, ignore)


def test_a_target_with_foreign_tables_is_left_alone(source, target):
    with target.write() as session:
        session.execute(text("CREATE TABLE accounts (id int)"))

    with pytest.raises(Conflict, match="not empty: accounts"):
        move_database(source, target, ignore)

    assert list_tables(target) == {"accounts"}


def test_a_connection_that_is_lost_leaves_nothing_and_can_be_begun_anew(
    source, target, postgres_server
):
    name = target.engine.url.database

    def interrupt(step, table, _rows):
        if (step, table) == ("copied", "task"):
            postgres_server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{name}'"
            )

    with pytest.raises(LabeldockError, match="failed amid the move") as caught:
        move_database(source, target, interrupt)

    assert "begin anew" in caught.value.remedy
    assert list_tables(target) == set()
    assert move_database(source, target, ignore).rows == 5 * len(TABLES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE task SET data = '{}' WHERE id = 3", "task: id 3 differs in data"),
        ("UPDATE task SET overlap = 9 WHERE id = 4", "task: id 4 differs in overlap"),
        ("DELETE FROM run_error WHERE id = 5", "run_error: id 5 is in the source only"),
        (
            "UPDATE storage_secret SET ciphertext = 'x' WHERE storage_id = 1",
            r"storage_secret: storage_id 1, field .* differs in ciphertext",
        ),
        (
            "INSERT INTO login_limit VALUES ('A', 1, now())",
            "login_limit: name A is in the target only",
        ),
    ],
    ids=["document", "number", "missing", "bytes", "added"],
)
def test_a_row_that_differs_is_found(source, target, change, said):
    with source.read() as ours, target.migrate_connection() as theirs:
        schema.upgrade_within(theirs)
        empty_tables(theirs)
        copy_tables(ours.connection(), theirs, ignore)
        theirs.exec_driver_sql(change)

        with pytest.raises(Conflict, match=said):
            compare_tables(ours.connection(), theirs, ignore)


def test_nothing_is_moved_while_a_worker_is_there(source, target):
    with source.write() as session:
        session.add(WorkerSign(name="w", version="1", threads=1, seen_at=utc_now()))

    with pytest.raises(Conflict, match="at work"):
        move_database(source, target, ignore)

    assert list_tables(target) == set()


def test_nothing_is_moved_while_somebody_holds_a_run(source, target):
    with source.write() as session:
        session.get_one(Run, 1).lease_expires_at = session.execute(
            select(database_now(60))
        ).scalar_one()

    with pytest.raises(Conflict, match="at work"):
        move_database(source, target, ignore)


def test_nobody_writes_to_the_source_meanwhile(source, target, tmp_path):
    refused = []

    def write_beside(step, table, _rows):
        if (step, table) == ("copied", "task"):
            with closing(source.engine.raw_connection()) as other:
                other.execute("PRAGMA busy_timeout=1")
                try:
                    other.execute("UPDATE task SET overlap = 7")
                except OperationalError as error:
                    refused.append(str(error))

    move_database(source, target, write_beside)

    assert refused == ["database is locked"]


def test_a_number_that_postgresql_cannot_hold_is_named(source, target):
    with source.write() as session:
        session.execute(text("UPDATE task SET overlap = 9999999999 WHERE id = 2"))

    with pytest.raises(Conflict, match=r"^task.overlap holds a value"):
        move_database(source, target, ignore)

    assert list_tables(target) == set()


def test_only_sqlite_moves_and_only_to_postgresql(source, target):
    with pytest.raises(InvalidInput, match="already"):
        move_database(target, target, ignore)
    with pytest.raises(InvalidInput, match="not a PostgreSQL"):
        move_database(source, source, ignore)


@pytest.mark.full
def test_many_rows_pass_through_little_memory(source, target):
    add = text(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 10000) INSERT INTO task (id, project_id, inner_id, data, overlap, "
        "allow_skip, is_labeled, total_annotations, cancelled_annotations, "
        "total_predictions, version, created_at, updated_at) SELECT i, 1, i, data, 1, "
        "1, 0, 0, 0, 0, 1, created_at, updated_at FROM n, task WHERE task.id = 1"
    )
    with source.write() as session:
        session.execute(add)
    tracemalloc.start()
    move_database(source, target, ignore)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    with target.read() as session:
        assert session.execute(select(func.count(Task.id))).scalar_one() == 9_906
    assert peak < 8 * 2**20
