"""Files of tasks: read, parsed as a whole, imported whole or not at all."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import (
    AccessDenied,
    IntegrityError,
    ObjectNotFound,
    StorageError,
)
from labeldock.services import projects, storages
from labeldock.services.working import run_until_done
from tests.core.scripted import FailAt


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


def test_objects_arrays_and_lines_become_tasks(place, bucket, ledger):
    bucket.put_all(
        {
            "array.json": json.dumps([{"data": {"n": 1}}, {"n": 2}]),
            "lines.jsonl": lines({"n": 3}, {"data": {"n": 4}, "meta": {"m": 1}}),
            "noextension": '{"data": {"n": 5}}',
            "one.json": '{"n": 6}',
        }
    )
    storage = place.add()

    run = place.sync(storage)

    assert run.state == "completed"
    assert ledger.data() == [{"n": n} for n in range(1, 7)]
    assert [task.meta for task in ledger.tasks()] == [
        None,
        None,
        None,
        {"m": 1},
        None,
        None,
    ]
    assert ledger.links() == [
        ("array.json", 0, "linked", True),
        ("array.json", 1, "linked", True),
        ("lines.jsonl", 0, "linked", True),
        ("lines.jsonl", 1, "linked", True),
        ("noextension", -1, "linked", True),
        ("one.json", -1, "linked", True),
    ]
    assert (run.counts["seen"], run.counts["created"]) == (4, 6)


def test_numbers_and_texts_of_a_file_arrive_to_the_digit(place, bucket, ledger):
    data = {"id": 2**64 + 1, "nul": "a\0b", "odd": "\u2028😀", "z": 0.1, "a": None}
    bucket.put("a.json", json.dumps({"data": data}))

    place.sync(place.add())

    assert ledger.data() == [data]
    assert list(ledger.data()[0]) == list(data)


def test_what_is_broken_in_one_file_keeps_out_that_file_alone(place, bucket, ledger):
    bucket.put_all(
        {
            "a.jsonl": lines({"n": 1}, {"n": 2}),
            "b.jsonl": '{"n": 3}\n{"n": 4}\n{"n": \n{"n": 6}\n',
            "c.jsonl": lines({"n": 7}),
        }
    )
    storage = place.add()

    run = place.sync(storage)

    assert run.state == "completed_with_errors"
    assert ledger.data() == [{"n": 1}, {"n": 2}, {"n": 7}]
    assert (run.counts["created"], run.counts["failed"]) == (3, 1)
    (error,) = place.errors(run)
    assert (error.key, error.code) == ("b.jsonl", "broken_json")
    assert "line 3" in error.message
    assert "Correct the file" in error.remedy


def test_a_failed_file_is_read_again_only_once_it_has_changed(
    place, provider, bucket, ledger
):
    bucket.put_all({"a.json": "{", "b.json": '{"n": 1}'})
    storage = place.add()
    place.sync(storage)
    reads = provider.calls["get_data"]

    again = place.sync(storage)
    assert provider.calls["get_data"] == reads
    assert (again.state, again.counts["failed"]) == ("completed_with_errors", 1)
    assert place.errors(again)[0].key == "a.json"

    bucket.put("a.json", '{"n": 2}')
    repaired = place.sync(storage)

    assert (repaired.state, repaired.counts["failed"]) == ("completed", 0)
    assert provider.calls["get_data"] == reads + 1
    assert sorted(data["n"] for data in ledger.data()) == [1, 2]
    assert ledger.links() == [
        ("a.json", -1, "linked", True),
        ("b.json", -1, "linked", True),
    ]


def test_files_that_gave_no_task_are_read_again_when_asked(
    place, provider, bucket, ledger
):
    bucket.put_all({"a.json": '{"n": 1}', "b.json": "[1]", "c.json": "[]"})
    storage = place.add()
    place.sync(storage)
    reads = provider.calls["get_data"]

    run_id = storages.sync_storage(
        place.app, place.owner, storage.id, storage.purpose, retry_failed=True
    ).run.id
    run = run_until_done(place.app, run_id, owner="test")

    assert provider.calls["get_data"] == reads + 2
    assert (run.state, run.counts["failed"]) == ("completed_with_errors", 1)
    assert [error.key for error in place.errors(run)] == ["b.json"]
    assert ledger.data() == [{"n": 1}]
    assert len(ledger.links()) == 3


def test_what_the_operator_admits_now_comes_when_asked(
    open_app, installation, build_workplace, bucket
):
    strict = build_workplace(open_app(installation, task_file_max_rows=1))
    bucket.put("a.json", "[{}, {}]")
    storage = strict.add()
    strict.sync(storage)
    generous = open_app(installation)
    assert strict.sync(storage, app=generous).counts["created"] == 0

    storages.sync_storage(
        generous, strict.owner, storage.id, storage.purpose, retry_failed=True
    )
    run = strict.sync(storage, app=generous)

    assert (run.state, run.counts["created"]) == ("completed", 2)


def test_a_file_without_tasks_is_looked_at_again_once_it_has_changed(
    place, bucket, ledger
):
    bucket.put("a.json", "[]")
    storage = place.add()
    assert place.sync(storage).state == "completed"
    assert ledger.links() == [("a.json", -1, "empty", True)]
    bucket.put("a.json", '[{"n": 1}]')

    place.sync(storage)

    assert ledger.data() == [{"n": 1}]
    assert ledger.links() == [("a.json", 0, "linked", True)]


def test_a_file_that_changed_is_reported_and_its_tasks_stay(place, bucket, ledger):
    bucket.put("a.json", '[{"n": 1}, {"n": 2}]')
    storage = place.add()
    place.sync(storage)
    bucket.put("a.json", '[{"n": 3}]')

    run = place.sync(storage)

    assert (run.counts["changed"], run.counts["existed"]) == (1, 2)
    assert ledger.data() == [{"n": 1}, {"n": 2}]


def test_what_is_no_task_file_is_refused_with_what_to_do(place, bucket, ledger):
    bucket.put_all({"a.json": '{"n": 1}', "b.jpg": "JFIF", "c": "\x89PNG"})
    storage = place.add()

    run = place.sync(storage)

    assert ledger.data() == [{"n": 1}]
    found = {e.key: (e.code, e.remedy) for e in place.errors(run)}
    assert found["b.jpg"][0] == "unsupported_format"
    assert "regex_filter" in found["b.jpg"][1]
    assert found["c"][0] == "not_a_task_file"
    assert "use_blob_urls" in found["c"][1]


def test_a_file_that_failed_is_tried_again_when_the_mode_changes(place, bucket, ledger):
    bucket.put_all({"a.json": '{"n": 1}', "b.jpg": "JFIF"})
    storage = place.add()
    place.sync(storage)
    storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, {"use_blob_urls": True}
    )

    run = place.sync(storage)

    assert (run.state, run.counts["created"]) == ("completed", 1)
    assert ledger.data() == [{"n": 1}, {"$undefined$": "memory://media/b.jpg"}]


# Limits


def test_a_file_with_too_many_rows_is_refused(
    open_app, installation, build_workplace, build_ledger, bucket
):
    app = open_app(installation, task_file_max_rows=3)
    place = build_workplace(app)
    bucket.put_all({"a.jsonl": lines(*({"n": n} for n in range(3)))})
    bucket.put_all({"b.jsonl": lines(*({"n": n} for n in range(4)))})

    run = place.sync(place.add())

    assert len(build_ledger(app).data()) == 3
    (error,) = place.errors(run)
    assert (error.key, error.code) == ("b.jsonl", "too_many_rows")
    assert "LABELDOCK_TASK_FILE_MAX_ROWS" in error.remedy


def test_a_file_that_is_too_large_is_not_even_read(
    open_app, sqlite_installation, build_workplace, build_ledger, provider, bucket
):
    app = open_app(sqlite_installation, task_file_max_bytes=20)
    place = build_workplace(app)
    bucket.put_all({"a.json": '{"n": 1}', "b.json": json.dumps({"n": "x" * 20})})

    run = place.sync(place.add())

    (error,) = place.errors(run)
    assert (error.key, error.code) == ("b.json", "file_too_large")
    assert "LABELDOCK_TASK_FILE_MAX_BYTES" in error.remedy
    assert provider.calls["get_data"] == 1


# What goes wrong with one object


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessDenied("no", key="b.json"), "storage_access_denied"),
        (ObjectNotFound("gone", key="b.json"), "object_not_found"),
        (IntegrityError("cut \0 off", key="b.json"), "integrity_error"),
        (StorageError("odd", key="b.json"), "storage_error"),
        (ZeroDivisionError("bug"), "provider_crash"),
    ],
)
def test_an_object_that_cannot_be_read_is_tried_again_by_the_next_sync(
    place, provider, bucket, ledger, error, code
):
    bucket.put_all({"a.json": '{"n": 1}', "b.json": '{"n": 2}', "c.json": '{"n": 3}'})
    storage = place.add()
    fault = FailAt(error)
    provider.before["get_data"] = lambda request: (
        fault(request) if request.key == "b.json" else None
    )

    run = place.sync(storage)

    assert run.state == "completed_with_errors"
    assert fault.fired == (2 if code == "integrity_error" else 1)
    assert ledger.data() == [{"n": 1}, {"n": 3}]
    assert [(e.key, e.code) for e in place.errors(run)] == [("b.json", code)]

    del provider.before["get_data"]
    assert place.sync(storage).state == "completed"
    assert ledger.data() == [{"n": 1}, {"n": 3}, {"n": 2}]


def test_a_file_that_was_cut_off_on_its_way_is_read_once_more(
    place, provider, bucket, ledger
):
    bucket.put("a.json", '{"n": 1}')
    storage = place.add()
    fault = FailAt(IntegrityError("cut off", key="a.json"), 1)
    provider.before["get_data"] = fault

    run = place.sync(storage)

    assert (run.state, fault.count) == ("completed", 2)
    assert ledger.data() == [{"n": 1}]


def test_a_file_overwritten_since_it_was_listed_waits_for_the_next_sync(
    place, provider, bucket, ledger
):
    bucket.put("a.json", '{"n": 1}')
    storage = place.add()
    provider.before["get_data"] = lambda request: bucket.put(request.key, '{"n": 22}')

    run = place.sync(storage)
    assert [e.code for e in place.errors(run)] == ["integrity_error"]

    del provider.before["get_data"]
    assert place.sync(storage).state == "completed"
    assert ledger.data() == [{"n": 22}]


# Annotations and predictions


def opinionated(result=None, **more):
    region = {"id": "r", "type": "choices", "value": {"choices": ["gull"]}}
    return {
        "data": {"image": "x"},
        "annotations": [
            {"result": result or [region], "lead_time": 3, "ground_truth": True},
            {"result": [], "was_cancelled": True},
        ],
        "predictions": [{"result": [region], "score": 0.5, "model_version": "m\0 1"}],
        **more,
    }


def test_annotations_and_predictions_come_with_their_task(place, bucket, ledger):
    bucket.put("a.json", json.dumps([{"n": 1}, opinionated(), opinionated()]))

    place.sync(place.add())

    annotations, predictions = ledger.opinions()
    tasks = ledger.tasks()
    assert [a.task_id for a in annotations] == [
        tasks[1].id, tasks[1].id, tasks[2].id, tasks[2].id,
    ]  # fmt: skip
    assert annotations[0].result == opinionated()["annotations"][0]["result"]
    assert (annotations[0].lead_time, annotations[0].ground_truth) == (3.0, True)
    assert [a.was_cancelled for a in annotations[:2]] == [False, True]
    assert [(p.score, p.model_version) for p in predictions] == [(0.5, "m\\x00 1")] * 2
    assert [
        (
            t.total_annotations,
            t.cancelled_annotations,
            t.total_predictions,
            t.is_labeled,
        )
        for t in tasks
    ] == [(0, 0, 0, False), (1, 1, 1, True), (1, 1, 1, True)]


def test_the_counters_of_the_project_take_part(place, bucket, ledger):
    bucket.put("a.json", json.dumps([{"n": 1}, opinionated(), opinionated()]))

    place.sync(place.add())

    project = ledger.project()
    assert (
        project.task_number,
        project.finished_task_number,
        project.total_annotations_number,
        project.total_predictions_number,
    ) == (3, 2, 2, 2)


def test_a_task_that_wants_more_annotations_is_not_finished(place, bucket, ledger):
    projects.update_project(
        place.app, place.owner, place.project, {"maximum_annotations": 2}
    )
    bucket.put("a.json", json.dumps(opinionated(allow_skip=False)))

    place.sync(place.add())

    (task,) = ledger.tasks()
    assert (task.overlap, task.is_labeled, task.allow_skip) == (2, False, False)
    assert ledger.project().finished_task_number == 0
