from __future__ import annotations

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Integer, inspect
from sqlmodel import select

from labeldock.contract import ConfigurationError
from labeldock.db import schema
from labeldock.db.engine import Database
from labeldock.db.tables import Project, Task


@pytest.fixture
def empty(database_url):
    database = Database(database_url)
    yield database
    database.close()


def list_tables(database):
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def test_an_empty_database_has_no_revision(empty):
    assert schema.current_revision(empty) is None
    with pytest.raises(ConfigurationError, match="at schema revision none"):
        schema.ensure_current(empty)


def test_the_migrations_make_what_the_tables_say(empty):
    schema.upgrade(empty)

    assert schema.list_differences(empty) == []
    assert schema.current_revision(empty) == schema.head_revision()
    schema.ensure_current(empty)


def test_the_way_down_leaves_nothing_and_the_way_up_is_open_again(empty):
    schema.upgrade(empty)
    schema.downgrade(empty, "base")

    assert list_tables(empty) == set()

    schema.upgrade(empty)
    assert schema.list_differences(empty) == []


def test_upgrading_twice_changes_nothing(empty):
    schema.upgrade(empty)
    schema.upgrade(empty)

    schema.ensure_current(empty)


def test_a_failed_migration_leaves_nothing_behind(empty):
    def fail(config):
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (id int)")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        schema._alter(empty, fail)

    assert list_tables(empty) == set()


def test_a_table_that_is_rebuilt_keeps_the_rows_that_refer_to_it(database):
    # SQLite rebuilds by dropping, and a drop deletes what refers to the rows.
    with database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
        session.flush()
        session.add(Task(project_id=1, inner_id=1, data={}))

    def rebuild(config):
        context = MigrationContext.configure(config.attributes["connection"])
        with Operations(context).batch_alter_table("project", recreate="auto") as batch:
            batch.alter_column("maximum_annotations", existing_type=Integer())
            batch.alter_column("task_number", nullable=True, existing_type=Integer())

    schema._alter(database, rebuild)

    with database.read() as session:
        assert len(session.exec(select(Task)).all()) == 1
    with database.write_connection() as connection:
        connection.exec_driver_sql("DELETE FROM project")
    with database.read() as session:
        assert session.exec(select(Task)).all() == []  # the references hold again


def test_a_migration_that_leaves_dangling_rows_is_refused(sqlite_database):
    with sqlite_database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
        session.flush()
        session.add(Task(project_id=1, inner_id=1, data={}))

    def lose(config):
        config.attributes["connection"].exec_driver_sql("DELETE FROM project")

    with pytest.raises(RuntimeError, match="rows of task without a target"):
        schema._alter(sqlite_database, lose)

    with sqlite_database.read() as session:
        assert session.get(Project, 1) is not None
