"""Objects that change, vanish and return, and what a storage's policy makes of it."""

from __future__ import annotations

import json

import pytest
from sqlmodel import select

from labeldock.db.tables import ImportLink
from labeldock.services import annotations, tasks
from tests.core.importing.conftest import tell

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


def put_rows(bucket, key, *numbers):
    bucket.put(key, json.dumps([{"n": n} for n in numbers]))


def numbers_of(ledger):
    return [(task.data["n"], task.version) for task in ledger.tasks()]


def links_of(place):
    with place.app.database.read() as session:
        found = session.exec(select(ImportLink).order_by(ImportLink.key)).all()
    return [(k.key, k.object_exists, k.object_changed) for k in found]


def annotate(place, ledger):
    for task in ledger.tasks():
        annotations.create_annotation(place.app, place.owner, task.id, {"result": []})


def test_an_update_replaces_data_and_keeps_annotations(place, bucket, ledger):
    put_rows(bucket, "a.json", 1, 2, 3)
    storage = place.add(on_change="update")
    place.sync(storage)
    annotate(place, ledger)
    put_rows(bucket, "a.json", 1, 20, 3)

    run = place.sync(storage)

    assert tell(run) == {"seen": 1, "existed": 3, "changed": 1, "updated": 1}
    assert numbers_of(ledger) == [(1, 2), (20, 3), (3, 2)]
    assert len(ledger.opinions()[0]) == 3
    assert ledger.project().total_annotations_number == 3
    assert tell(place.sync(storage)) == {"seen": 1, "existed": 3}


def test_rows_at_the_end_of_a_file_become_tasks(place, bucket, ledger):
    put_rows(bucket, "a.json", 1, 2)
    storage = place.add(on_change="update")
    place.sync(storage)
    put_rows(bucket, "a.json", 1, 2, 3, 4)

    run = place.sync(storage)

    assert tell(run) == {"seen": 1, "existed": 2, "created": 2, "changed": 1}
    assert numbers_of(ledger) == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert ledger.project().task_number == 4


def test_a_file_that_lost_rows_leaves_its_tasks_alone_and_says_so(
    place, bucket, ledger
):
    put_rows(bucket, "a.json", 1, 2, 3)
    bucket.put("b.json", '{"n": 9}')
    storage = place.add(on_change="update")
    place.sync(storage)
    put_rows(bucket, "a.json", 2, 3)

    run = place.sync(storage)

    assert (run.state, run.counts["failed"]) == ("completed_with_errors", 1)
    assert [e.code for e in place.errors(run)] == ["rows_missing"]
    assert [n for n, _ in numbers_of(ledger)] == [1, 2, 3, 9]
    assert place.sync(storage).counts["failed"] == 1  # until somebody sees to it


def test_a_file_that_broke_leaves_its_tasks_alone(place, bucket, ledger):
    put_rows(bucket, "a.json", 1, 2)
    storage = place.add(on_change="update")
    place.sync(storage)
    bucket.put("a.json", "[{")

    run = place.sync(storage)

    assert (run.state, run.counts["failed"]) == ("completed_with_errors", 1)
    assert [n for n, _ in numbers_of(ledger)] == [1, 2]

    put_rows(bucket, "a.json", 5, 6)
    assert tell(place.sync(storage))["updated"] == 2


def test_a_task_that_was_deleted_stays_away_when_its_file_changes(
    place, bucket, ledger
):
    put_rows(bucket, "a.json", 1, 2, 3)
    storage = place.add(on_change="update")
    place.sync(storage)
    tasks.delete_task(place.app, place.owner, ledger.tasks()[1].id)
    put_rows(bucket, "a.json", 10, 20, 30)

    place.sync(storage)

    assert [n for n, _ in numbers_of(ledger)] == [10, 30]


def test_an_object_that_is_its_task_is_noted_as_it_is(place, bucket, ledger):
    bucket.put("a", "x")
    storage = place.add(on_change="update", **BLOBS)
    place.sync(storage)
    bucket.put("a", "other")

    first, second = place.sync(storage), place.sync(storage)

    assert tell(first) == {"seen": 1, "existed": 1, "changed": 1}
    assert tell(second) == {"seen": 1, "existed": 1}
    assert ledger.tasks()[0].version == 1


def test_a_report_is_given_by_every_walk(place, bucket, ledger):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.put("a", "other")

    for _ in range(2):
        assert tell(place.sync(storage)) == {"seen": 2, "existed": 2, "changed": 1}
    assert links_of(place) == [("a", True, False), ("b", True, False)]


def test_a_flag_is_set_and_taken_away_again(place, bucket):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(on_change="flag", **BLOBS)
    place.sync(storage)
    bucket.put("a", "other")

    place.sync(storage)
    assert links_of(place) == [("a", True, True), ("b", True, False)]

    bucket.put("a", "x")
    place.sync(storage)
    assert links_of(place) == [("a", True, False), ("b", True, False)]


@pytest.mark.parametrize("policy", ["report", "update", "flag"])
def test_what_vanished_is_seen_once_and_so_is_its_return(place, bucket, policy):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(on_change=policy, **BLOBS)
    place.sync(storage)
    bucket.remove("a")

    assert tell(place.sync(storage)) == {"seen": 1, "existed": 1, "vanished": 1}
    assert tell(place.sync(storage)) == {"seen": 1, "existed": 1}
    assert links_of(place)[0] == ("a", False, False)

    bucket.put("a", "x")
    assert tell(place.sync(storage)) == {"seen": 2, "existed": 2, "returned": 1}
    assert links_of(place)[0] == ("a", True, False)


def test_a_task_tells_what_became_of_its_object(place, bucket):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(on_change="flag", **BLOBS)
    place.sync(storage)
    bucket.remove("a")
    bucket.put("b", "other")
    place.sync(storage)

    query = tasks.TaskQuery(place.project)
    found = tasks.list_tasks(place.app, place.owner, query).tasks

    told = {task.key: (task.object_exists, task.object_changed) for task in found}
    assert told == {"a": (False, False), "b": (True, True)}
