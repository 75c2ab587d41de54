"""A manual export: everything there is, counted, through the same outbox."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import AccessDenied, NotFound, Purpose, Unavailable
from labeldock.services import leases, runs, storages, tasks
from labeldock.services.exporting import claims, export
from labeldock.services.working import run_until_done, work_slice
from tests.core.scripted import FailAt


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)
    monkeypatch.setattr(export, "_PAUSE_SECONDS", 0.005)


def test_an_export_writes_what_was_annotated_before(desk):
    made = [desk.annotate() for _ in range(5)]
    storage = desk.place.add_export(prefix="out")

    run = desk.place.sync(storage)

    assert run.state == "completed"
    assert run.counts == {"total": 5, "delivered": 5, "failed": 0, "waiting": 0}
    assert desk.bucket.keys() == sorted(f"out/{a.id}" for a in made)
    assert desk.place.show(storage).last_success_count == 5


def test_an_export_of_nothing_is_complete(desk):
    desk.task()

    run = desk.place.sync(desk.place.add_export())

    assert (run.state, run.counts["total"]) == ("completed", 0)


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_an_export_in_task_mode_writes_a_file_per_task(
    open_app, installation, build_desk, page_size
):
    app = open_app(installation, future_save_task_to_storage=True, page_size=page_size)
    desk = build_desk(app)
    tasks_ = [desk.task() for _ in range(3)]
    for _ in range(2):
        for task_id in tasks_:
            desk.annotate(task_id)

    run = desk.place.sync(desk.place.add_export())

    assert run.counts["delivered"] == 3
    assert desk.bucket.keys() == sorted(f"{t}.json" for t in tasks_)


def test_a_second_export_writes_everything_again(desk, provider):
    for _ in range(3):
        desk.annotate()
    storage = desk.place.add_export()
    desk.place.sync(storage)
    before = provider.calls["save_annotation"]

    run = desk.place.sync(storage)

    assert run.counts["delivered"] == 3
    assert provider.calls["save_annotation"] - before == 3


def test_what_fails_is_counted_with_its_reason(desk, provider):
    made = [desk.annotate() for _ in range(4)]
    storage = desk.place.add_export()
    error = AccessDenied("This key is locked.", remedy="Unlock it.")
    provider.before["save_annotation"] = lambda request: (
        FailAt(error)(request) if request.key == str(made[1].id) else None
    )

    run = desk.place.sync(storage)

    assert run.state == "completed_with_errors"
    assert run.counts == {"total": 4, "delivered": 3, "failed": 1, "waiting": 0}
    assert [(e.key, e.code, e.message, e.remedy) for e in desk.place.errors(run)] == [
        (str(made[1].id), "storage_access_denied", "This key is locked.", "Unlock it.")
    ]


def test_an_export_of_which_nothing_arrives_has_failed_and_can_be_retried(
    desk, provider
):
    for _ in range(3):
        desk.annotate()
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(AccessDenied("Writing is refused."))

    run = desk.place.sync(storage)
    assert run.state == "failed"
    assert run.problem["message"] == "Writing is refused."
    assert len(desk.place.errors(run)) == 3

    del provider.before["save_annotation"]
    runs.retry_run(desk.app, desk.owner, run.id)
    again = run_until_done(desk.app, run.id, owner="test")

    assert (again.state, again.problem) == ("completed", None)
    assert again.counts == {"total": 3, "delivered": 3, "failed": 0, "waiting": 0}
    assert desk.place.errors(again) == []
    assert len(desk.bucket.keys()) == 3


def test_a_bucket_that_is_down_for_a_while_costs_time_alone(desk, provider):
    for _ in range(3):
        desk.annotate()
    provider.before["save_annotation"] = fault = FailAt(Unavailable("down"), 1, 2, 3, 5)

    run = desk.place.sync(desk.place.add_export())

    assert fault.fired == 4
    assert run.state == "completed"
    assert run.counts["delivered"] == 3


def test_changes_that_arrive_during_a_run_are_delivered_by_it_or_after_it(
    desk, provider
):
    made = [desk.annotate() for _ in range(3)]
    storage = desk.place.add_export()

    def change(_request):
        del provider.before["save_annotation"]
        desk.change(made[0], lead_time=9)
        desk.annotate()  # not of this run

    provider.before["save_annotation"] = change
    run = desk.place.sync(storage)
    desk.deliver(storage)

    assert (run.state, run.counts["total"]) == ("completed", 3)
    assert desk.read(made[0].id)["lead_time"] == 9
    assert len(desk.bucket.keys()) == 4


@pytest.mark.parametrize("can_delete", [True, False])
def test_what_is_deleted_during_a_run_is_not_counted_as_exported(
    desk, provider, can_delete
):
    made = [desk.annotate() for _ in range(3)]
    storage = desk.place.add_export(can_delete_objects=can_delete)
    app, run_id = desk.app, desk.place.request(storage)
    lease = leases.claim_run(app, "test", run_id)
    while not lease.checkpoint.get("is_queued"):
        export._queue_page(app, lease)
    leases.hand_back(app, lease)
    desk.delete(made[0])
    tasks.delete_task(app, desk.owner, made[1].task_id)

    run = run_until_done(app, run_id, owner="test")

    assert run.counts == {"total": 1, "delivered": 1, "failed": 0, "waiting": 0}
    assert desk.bucket.keys() == [str(made[2].id)]


def test_an_export_is_resumed_where_it_was_broken_off(
    open_app, installation, build_desk, provider
):
    app = open_app(installation, page_size=2)
    desk = build_desk(app)
    for _ in range(7):
        desk.annotate()
    run_id = desk.place.request(desk.place.add_export())
    lease = leases.claim_run(app, "test", run_id)
    export._queue_page(app, lease)
    export._queue_page(app, lease)
    leases.hand_back(app, lease)

    run = run_until_done(app, run_id, owner="test")

    assert run.counts["delivered"] == 7
    assert provider.calls["save_annotation"] == 7
    assert {row.wanted_version for row in desk.rows()} == {1}


def test_an_export_of_many_is_counted_once_in_a_while(desk, monkeypatch):
    monkeypatch.setattr(claims, "BATCH", 2)
    task_id = desk.task()
    for _ in range(20):
        desk.annotate(task_id)
    counts = []
    count_run = export.count_run

    def spy(*args):
        counts.append(1)
        return count_run(*args)

    monkeypatch.setattr(export, "count_run", spy)
    run = desk.place.sync(desk.place.add_export())

    assert run.counts["delivered"] == 20
    assert len(counts) < 10


def test_a_cancelled_export_stops(desk):
    for _ in range(3):
        desk.annotate()
    storage = desk.place.add_export()
    run_id = desk.place.request(storage)
    lease = leases.claim_run(desk.app, "test", run_id)
    runs.cancel_run(desk.app, desk.owner, run_id)

    assert not work_slice(desk.app, lease)

    assert desk.rows() == []
    assert desk.place.run(run_id).state == "cancelled"


# There and back


def test_what_was_exported_in_task_mode_can_be_imported_again(
    open_app, installation, build_desk, build_workplace
):
    app = open_app(installation, future_save_task_to_storage=True)
    desk = build_desk(app)
    data = {"image": "memory://media/a.jpg", "id": 2**70, "nul": "\0", "a": [1.5, None]}
    task_id = desk.task(**data)
    first = desk.annotate(task_id, lead_time=2.5, ground_truth=True)
    second = desk.annotate(task_id, result=[], was_cancelled=True)
    desk.place.sync(desk.place.add_export(prefix="out"))

    other = build_workplace(app)
    run = other.sync(other.add(prefix="out"))

    assert (run.state, run.counts["created"]) == ("completed", 1)
    page = tasks.list_tasks(app, other.owner, tasks.TaskQuery(other.project))
    (task,) = page.tasks
    assert task.data == data
    assert (task.total_annotations, task.cancelled_annotations) == (1, 1)
    told = ("result", "was_cancelled", "ground_truth", "lead_time")
    for copy, original in zip(task.annotations, (first, second), strict=True):
        assert [getattr(copy, n) for n in told] == [getattr(original, n) for n in told]


def test_an_exported_annotation_tells_who_made_it(desk):
    annotation = desk.annotate()
    desk.place.sync(desk.place.add_export())

    document = desk.read(annotation.id)

    assert document["id"] == annotation.id
    assert document["task"] == annotation.task_id
    assert document["completed_by"]["email"] == desk.owner.email
    assert "password" not in json.dumps(document)


def test_export_storages_are_apart_from_import_storages(desk):
    storage = desk.place.add_export()

    assert storage.purpose is Purpose.EXPORT
    with pytest.raises(NotFound, match="no import storage"):
        storages.sync_storage(desk.app, desk.owner, storage.id, Purpose.IMPORT)
