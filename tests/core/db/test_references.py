"""References of many rows at once: as safe as those that are checked row by row."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from labeldock.db.columns import utc_now
from labeldock.db.references import held_references
from labeldock.db.tables import ImportLink, Project, Storage, Task

PROJECT, STORAGE = Project.__table__, Storage.__table__
TASK, LINK = Task.__table__, ImportLink.__table__
BOTH = {PROJECT: 1, STORAGE: 1}
USER = "nobody_special"


@pytest.fixture
def database(postgres_database):
    with postgres_database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
        session.flush()
        session.add(Storage(id=1, project_id=1, purpose="import", provider="memory"))
    return postgres_database


def insert_task(connection, **changes):
    now = utc_now()
    values = {"project_id": 1, "inner_id": 1, "data": {}, "created_at": now} | changes
    row = Task(**values, updated_at=now).model_dump(exclude={"id"} - changes.keys())
    return connection.execute(TASK.insert().values(row).returning(TASK.c.id)).scalar()


def insert_link(connection, task_id, key="a"):
    row = ImportLink(storage_id=1, task_id=task_id, key=key).model_dump(exclude={"id"})
    connection.execute(LINK.insert().values(row))


def read_role(connection):
    """Whether references are looked up: as `origin`, not as `replica`."""
    return connection.exec_driver_sql("SHOW session_replication_role").scalar()


def test_rows_are_not_looked_up_within_and_are_afterwards(database):
    with database.write_connection() as connection:
        with held_references(connection, BOTH):
            assert read_role(connection) == "replica"
            insert_link(connection, insert_task(connection))

        assert read_role(connection) == "origin"
        with (
            pytest.raises(DBAPIError, match="fk_import_link_task_id"),
            connection.begin_nested(),
        ):
            insert_link(connection, 10**6, "b")

    with database.read() as session:
        assert len(session.exec(select(ImportLink)).all()) == 1


def insert_twice(database):
    with (
        database.write_connection() as connection,
        held_references(connection, BOTH),
    ):
        for _ in range(2):
            insert_link(connection, insert_task(connection))


def test_no_object_is_linked_twice_within_either(database):
    with pytest.raises(DBAPIError, match="uq_import_link"):
        insert_twice(database)


def insert_and_fail(database):
    with (
        database.write_connection() as connection,
        held_references(connection, BOTH),
    ):
        insert_task(connection)
        raise ZeroDivisionError("cut off")


def test_an_error_leaves_the_next_transaction_checked(database):
    with pytest.raises(ZeroDivisionError, match="cut off"):
        insert_and_fail(database)

    with database.write_connection() as connection:
        assert read_role(connection) == "origin"
        assert connection.execute(select(TASK.c.id)).first() is None


def insert_dangling_link(database, held):
    with (
        database.write_connection() as connection,
        held_references(connection, held),
    ):
        insert_link(connection, 10**6)


@pytest.mark.parametrize("gone", [PROJECT, STORAGE])
def test_what_is_gone_cannot_be_referred_to(database, gone):
    held = BOTH | {gone: 2}
    with pytest.raises(DBAPIError, match="foreign key"):
        insert_dangling_link(database, held)


def test_a_removal_waits_and_takes_the_new_rows_with_it(database):
    removed = threading.Event()

    def remove():
        with database.write_connection() as connection:
            connection.execute(PROJECT.delete())
        removed.set()

    thread = threading.Thread(target=remove)
    with database.write_connection() as connection:
        with held_references(connection, BOTH):
            insert_link(connection, insert_task(connection))
        thread.start()
        assert not removed.wait(0.2)
    thread.join()

    with database.read() as session:
        assert session.exec(select(Task)).all() == []
        assert session.exec(select(ImportLink)).all() == []


def test_a_user_who_may_not_has_each_row_checked_until_it_is_granted(database):
    with database.write_connection() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {USER}")
        connection.exec_driver_sql(
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER}"
        )
    grant = f"GRANT SET ON PARAMETER session_replication_role TO {USER}"
    revoke = f"REVOKE SET ON PARAMETER session_replication_role FROM {USER}"
    seen = []
    try:
        for statement in (None, grant):
            with database.write_connection() as connection:
                if statement:
                    connection.exec_driver_sql(statement)
                connection.info.clear()
                connection.exec_driver_sql(f"SET LOCAL ROLE {USER}")
                with held_references(connection, BOTH):
                    seen.append(read_role(connection))
                connection.info.clear()
    finally:
        with database.write_connection() as connection:
            connection.exec_driver_sql(revoke)
            connection.exec_driver_sql(f"DROP OWNED BY {USER}")
            connection.exec_driver_sql(f"DROP ROLE {USER}")

    assert seen == ["origin", "replica"]
