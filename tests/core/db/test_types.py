from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import col, select, update

from labeldock.db.tables import ImportLink, Outbox, Project, Run, Storage, Task
from labeldock.db.types import database_now, dump_json, escape_text, load_json

NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def project(database):
    with database.write() as session:
        session.add(Project(organization_id=1, id=1, title="Birds"))
    return 1


# Documents


def json_documents():
    text = st.text(st.characters(exclude_categories=["Cs"]))
    leaves = st.none() | st.booleans() | st.integers() | text
    leaves |= st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.dictionaries(text, inner),
        max_leaves=20,
    )


@given(json_documents())
def test_any_document_comes_back_as_it_was(document):
    text = dump_json(document)

    assert load_json(text) == document
    assert load_json(text.encode()) == document
    assert json.loads(text) == document


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**40, -(10**40)])
def test_integers_beyond_64_bits_keep_every_digit(number):
    document = {"a": [number, 1, 0.5, "text"]}

    assert load_json(dump_json(document)) == document
    assert str(number) in dump_json(document)


def test_long_digits_that_are_no_integer_change_nothing():
    document = {"a": 0.12345678901234568, "b": "12345678901234567890", "c": 1e300}

    assert load_json(dump_json(document)) == document
    assert load_json('{"a": 0.1234567890123456789}') == {"a": 0.12345678901234568}


def test_the_slow_way_writes_times_as_the_fast_one():
    fast = dump_json({"at": NOON, "n": 1})
    slow = dump_json({"at": NOON, "n": 10**30})

    assert load_json(slow)["at"] == load_json(fast)["at"]


def test_deep_documents_are_kept():
    document = []
    for _ in range(400):
        document = [document]

    assert load_json(dump_json(document)) == document


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, {"a": b"bytes"}])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(TypeError, match="not JSON"):
        dump_json(value)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="surrogates not allowed"):
        dump_json("a\ud800")


@pytest.mark.parametrize("text", ["NaN", '"\\ud800"', "1e400", "[" * 2000, '{"a":1'])
def test_what_only_looks_like_json_is_refused(text):
    with pytest.raises(orjson.JSONDecodeError, match="line 1"):
        load_json(text)


def test_a_document_comes_back_from_the_database_as_it_was(database, project):
    data = {
        "z": 1,
        "a": "U+0000 \0 and \u2028 and 😀 and \\ and \" and '",
        "m": [None, True, 1.5, -0.0, 10**30, {"y": [], "b": {}}],
    }
    with database.write() as session:
        session.add(Task(id=1, project_id=project, inner_id=1, data=data))

    with database.read() as session:
        found = session.get(Task, 1).data

    assert found == data
    assert list(found) == ["z", "a", "m"]


def test_no_document_is_null_and_not_the_text_null(database, project):
    with database.write() as session:
        session.add(Task(id=1, project_id=project, inner_id=1, data={}, meta=None))

    with database.read() as session:
        query = select(func.count(col(Task.id))).where(col(Task.meta).is_(None))
        assert session.exec(query).one() == 1


# Texts


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("plain ä 😀", "plain ä 😀"), ("a\0b", "a\\x00b"), ("a\ud800b", "a\\ud800b")],
)
def test_text_that_no_database_holds_is_escaped(text, escaped):
    assert escape_text(text) == escaped


KEYS = (
    "B", "a", "a-b", "a.txt", "a/x", "a b", "ab", "ä", "Z", "z", "é", "e\u0301",
    "\uffee", "\ufffd", "😀", "\U0010fffd", "日本", "~", "0", "10", "9",
)  # fmt: skip


def test_keys_are_ordered_by_their_bytes(database, project):
    with database.write() as session:
        session.add(
            Storage(id=1, project_id=project, purpose="import", provider="memory")
        )
        session.flush()
        for number, key in enumerate(KEYS):
            session.add(ImportLink(storage_id=1, key=key, row_index=number))
    in_order = sorted(KEYS, key=str.encode)

    with database.read() as session:
        by_key = select(ImportLink.key).order_by(col(ImportLink.key))
        assert list(session.exec(by_key)) == in_order == sorted(KEYS)
        for place, key in enumerate(in_order):
            after = by_key.where(col(ImportLink.key) > key)
            upto = by_key.where(col(ImportLink.key) <= key)
            assert list(session.exec(after)) == in_order[place + 1 :]
            assert list(session.exec(upto)) == in_order[: place + 1]
        assert session.exec(select(func.max(ImportLink.key))).one() == in_order[-1]


# Times


def test_times_come_back_in_utc(database, project):
    east = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with database.write() as session:
        session.get(Project, project).updated_at = east

    with database.read() as session:
        found = session.get(Project, project).updated_at

    assert found == NOON
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(database, project):
    with pytest.raises(ValueError, match="without a time zone"):
        Run.__table__.c.due_at.type.process_bind_param(
            datetime(2024, 1, 1),  # noqa: DTZ001  that is what is refused
            database.engine.dialect,
        )


def test_the_databases_clock_compares_with_stored_times(database, project):
    with database.write() as session:
        session.execute(
            update(Project).values(
                created_at=database_now(), updated_at=database_now(-90.5)
            )
        )

    with database.read() as session:
        row = session.get(Project, project)
        is_over = select(func.count(col(Project.id))).where
        assert session.exec(is_over(col(Project.created_at) <= database_now())).one()
        assert not session.exec(
            is_over(col(Project.created_at) > database_now(30))
        ).one()
        assert session.exec(is_over(col(Project.updated_at) < database_now(-60))).one()
    assert abs(datetime.now(UTC) - row.created_at) < timedelta(seconds=30)
    assert row.created_at - row.updated_at == pytest.approx(
        timedelta(seconds=90.5), abs=timedelta(seconds=1)
    )


def test_time_goes_on_inside_a_transaction(database):
    with database.write() as session:
        first = session.exec(select(database_now())).one()
        session.exec(select(func.count(col(Project.id)))).one()
        later = session.exec(select(database_now(0.25))).one()

    assert later > first


def test_postgres_finds_by_its_index_what_is_due(postgres_database):
    due = select(col(Outbox.id)).where(
        col(Outbox.storage_id) == 1,
        col(Outbox.delivered_version) < col(Outbox.wanted_version),
        col(Outbox.due_at) <= database_now(),
    )
    query = due.compile(
        postgres_database.engine, compile_kwargs={"literal_binds": True}
    )

    with postgres_database.read() as session:
        connection = session.connection()
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()

    conditions = [line for line in plan if "Index Cond" in line]
    assert conditions, plan
    assert "due_at <=" in conditions[0]
