from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from labeldock.db.bulk import encode_rows, encode_time, insert_rows, reserve_ids
from labeldock.db.tables import ImportLink, Outbox, Project, RunError, Storage, Task
from labeldock.db.types import dump_json

TASK = Task.__table__
LINK = ImportLink.__table__
OUTBOX = Outbox.__table__
COLUMNS = (
    "id", "project_id", "inner_id", "data", "meta", "overlap", "allow_skip",
    "is_labeled", "total_annotations", "cancelled_annotations", "total_predictions",
    "version", "created_at", "updated_at",
)  # fmt: skip
NOW = datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def project(database):
    with database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
        session.flush()
        session.add(Storage(id=1, project_id=1, purpose="import", provider="memory"))


def insert_tasks(connection, ids, documents):
    rows = [
        (i, 1, i, data, meta, 1, True, False, 0, 0, 0, 1, NOW, NOW)
        for i, (data, meta) in zip(ids, documents, strict=True)
    ]
    insert_rows(connection, TASK, COLUMNS, encode_rows(connection, TASK, COLUMNS, rows))


def test_reserved_identifiers_are_those_of_the_rows(database):
    with database.write_connection() as connection:
        ids = reserve_ids(connection, TASK, 3)
        insert_tasks(connection, ids, [({"n": n}, None) for n in range(3)])
        again = reserve_ids(connection, TASK, 2)

    assert not set(ids) & set(again)
    with database.read() as session:
        found = {task.id: task.data["n"] for task in session.exec(select(Task))}
    assert found == dict(zip(ids, range(3), strict=True))


def test_single_rows_and_bulk_rows_share_the_identifiers(database):
    with database.write_connection() as connection:
        ids = list(reserve_ids(connection, TASK, 5))
        insert_tasks(connection, ids, [({}, None)] * 5)
    with database.write() as session:
        task = Task(project_id=1, inner_id=9, data={})
        session.add(task)
        session.flush()
        single = task.id

    assert single == max(ids) + 1


def test_identifiers_are_not_used_again_after_a_deletion(database):
    with database.write_connection() as connection:
        first = list(reserve_ids(connection, TASK, 3))
        insert_tasks(connection, first, [({}, None)] * 3)
    with database.write_connection() as connection:
        connection.exec_driver_sql("DELETE FROM task")
    with database.write_connection() as connection:
        second = list(reserve_ids(connection, TASK, 3))

    assert min(second) > max(first)


def test_writers_at_once_never_get_the_same_identifier(database):
    taken, errors = [], []

    def write(_):
        try:
            for _ in range(10):
                with database.write_connection() as connection:
                    ids = list(reserve_ids(connection, TASK, 7))
                    insert_tasks(connection, ids, [({}, None)] * 7)
                    taken.extend(ids)
        except Exception as error:  # noqa: BLE001  shown to the test
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(taken) == len(set(taken)) == 280


ODD = (
    "tab\there", "line\nbreak", "return\rhere", "back\\slash", "\\N", "\\.", "N",
    'quo"te', "apo'strophe", "per%cent %s", "{brace}", "", " ", "NULL", "😀",
    "\x7f\x01",
)  # fmt: skip


def test_texts_pass_unchanged(database):
    columns = ("storage_id", "key", "row_group", "row_index", "state", "etag", "size",
               "object_exists", "created_at", "last_modified", "problem")  # fmt: skip
    rows = [
        (1, text, -1, -1, "linked", text, 2**40, True, NOW, None, {"a": text})
        for text in ODD
    ]
    with database.write_connection() as connection:
        encoded = encode_rows(connection, LINK, columns, rows)
        insert_rows(connection, LINK, columns, encoded)

    with database.read() as session:
        links = session.exec(select(ImportLink).order_by(ImportLink.id)).all()
    assert [(k.key, k.etag, k.problem) for k in links] == [
        (text, text, {"a": text}) for text in ODD
    ]
    assert {(k.size, k.object_exists, k.task_id) for k in links} == {
        (2**40, True, None)
    }
    assert {(k.created_at, k.last_modified) for k in links} == {(NOW, None)}


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_any_text_comes_back_as_it_was(database, text):
    with database.write_connection() as connection:
        ids = reserve_ids(connection, TASK, 1)
        insert_tasks(connection, ids, [({"t": text, "z": "\0"}, [text])])

    with database.read() as session:
        task = session.get(Task, ids[0])
    assert (task.data, task.meta) == ({"t": text, "z": "\0"}, [text])


def test_an_error_in_the_middle_leaves_no_row(database):
    def rows():
        now = NOW.isoformat()
        yield (1, 1, 1, "{}", None, 1, 1, 0, 0, 0, 0, 1, now, now)
        raise ValueError("cut off")

    with (
        pytest.raises(ValueError, match="cut off"),
        database.write_connection() as connection,
    ):
        insert_rows(connection, TASK, COLUMNS, rows())

    with database.read() as session:
        assert session.exec(select(Task)).all() == []
    with database.write() as session:  # the connection is fit for use
        session.add(Task(project_id=1, inner_id=1, data={}))


def test_times_of_other_zones_are_stored_as_utc(database):
    west = NOW.astimezone(timezone(timedelta(hours=-8)))
    with database.write_connection() as connection:
        row = (1, "a", "code", "text", encode_time(connection, west), -1)
        columns = ("run_id", "key", "code", "message", "created_at", "row_index")
        assert encode_time(connection, None) is None
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            insert_rows(connection, RunError.__table__, columns, [row])
            stored = connection.exec_driver_sql("SELECT created_at FROM run_error")
            assert stored.scalar() == "2024-02-29 12:00:00.000005"
            connection.exec_driver_sql("DELETE FROM run_error")
        else:
            assert row[4] == NOW


def test_documents_are_encoded_as_everywhere(database):
    document = {"b": 10**30, "a": None}
    with database.write_connection() as connection:
        ((text,),) = encode_rows(connection, OUTBOX, ("problem",), [(document,)])

    assert text == dump_json(document)
