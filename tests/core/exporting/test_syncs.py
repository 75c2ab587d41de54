"""Syncs of what is new, by hand and by the clock; cancelled ones; failed deliveries."""

from __future__ import annotations

import pytest

from labeldock.contract import AccessDenied, NotAllowed, Purpose
from labeldock.services import leases, runs, storages
from labeldock.services.exporting import deliveries, export
from labeldock.services.exporting.deliveries import DeliveryState
from labeldock.services.working import run_until_done
from tests.core.exporting.carrying import Carrier
from tests.core.scripted import FailAt


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(export, "_PAUSE_SECONDS", 0.005)


def sync_new(desk, storage):
    view = storages.sync_storage(
        desk.app, desk.owner, storage.id, Purpose.EXPORT, only_new=True
    )
    return run_until_done(desk.app, view.run.id, owner="test")


@pytest.mark.parametrize("payload", ["annotation", "annotation_with_task", "task"])
def test_a_sync_can_write_only_what_is_new_or_changed(desk, payload):
    storage = desk.place.add_export(payload=payload, export_on_save=False)
    made = [desk.annotate() for _ in range(4)]
    assert sync_new(desk, storage).counts["total"] == 4
    assert sync_new(desk, storage).counts["total"] == 0

    desk.change(made[1], lead_time=1)
    desk.annotate()

    assert sync_new(desk, storage).counts["delivered"] == 2
    assert sync_new(desk, storage).counts["total"] == 0
    assert desk.place.sync(storage).counts["delivered"] == 5


def test_a_storage_can_say_so_for_every_sync(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(save_only_new_annotations=True)
    desk.annotate()
    desk.deliver(storage)

    assert desk.place.sync(storage).counts["total"] == 0


def test_what_goes_by_the_clock_writes_only_what_is_new(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(export_on_save=False)
    desk.annotate()
    totals = [run_scheduled(desk, storage).counts["total"] for _ in range(2)]

    assert totals == [1, 0]
    assert len(desk.bucket.keys()) == 1


def run_scheduled(desk, storage):
    with desk.app.database.write() as session:
        row = session.get_one(storages.Storage, storage.id)
        run, _ = runs.request_run(
            session, row, requested_by_id=None, trigger="schedule"
        )
        number = run.id
    return run_until_done(desk.app, number, owner="test")


def test_what_failed_is_listed_and_tried_again_by_hand(desk, provider):
    storage = desk.place.add_export()
    made = [desk.annotate() for _ in range(3)]
    provider.before["save_annotation"] = FailAt(AccessDenied("locked", remedy="Unlock"))
    desk.deliver(storage)
    app, owner = desk.app, desk.owner

    found = deliveries.list_deliveries(app, owner, storage.id, DeliveryState.FAILED)
    assert [each.key for each in found] == [str(each.id) for each in made]
    assert (found[0].problem["message"], found[0].problem["remedy"]) == (
        "locked",
        "Unlock",
    )
    later = deliveries.list_deliveries(
        app, owner, storage.id, DeliveryState.FAILED, after=found[0].id, limit=1
    )
    assert later == [found[1]]
    assert desk.place.show(storage).deliveries.failed == 3

    del provider.before["save_annotation"]
    assert deliveries.retry_deliveries(app, owner, storage.id, [found[0].id]) == 1
    assert desk.deliver(storage) == 1
    assert deliveries.retry_deliveries(app, owner, storage.id) == 2
    assert deliveries.retry_deliveries(app, owner, storage.id) == 0
    waiting = deliveries.list_deliveries(app, owner, storage.id, DeliveryState.WAITING)
    assert len(waiting) == 2
    desk.deliver(storage)
    assert desk.place.show(storage).deliveries.delivered == 3


def test_strangers_neither_see_nor_retry_deliveries(sqlite_desk, people):
    storage = sqlite_desk.place.add_export()

    with pytest.raises(NotAllowed):
        deliveries.list_deliveries(
            sqlite_desk.app, people.stranger, storage.id, DeliveryState.FAILED
        )
    with pytest.raises(NotAllowed):
        deliveries.retry_deliveries(sqlite_desk.app, people.stranger, storage.id)


def test_a_removal_that_failed_is_tried_again_by_the_next_sync(desk, provider):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    desk.deliver(storage)
    provider.before["delete_annotation"] = FailAt(AccessDenied("locked"))
    desk.delete(annotation)
    desk.deliver(storage)
    assert desk.row().has_failed

    del provider.before["delete_annotation"]
    sync_new(desk, storage)
    desk.deliver(storage)

    assert desk.bucket.keys() == []


# Cancelled


def begin(desk, storage):
    """A run that has queued everything, and delivered nothing."""
    run_id = desk.place.request(storage)
    lease = leases.claim_run(desk.app, "test", run_id)
    while not lease.checkpoint.get("is_queued"):
        export._queue_page(desk.app, lease)
    leases.hand_back(desk.app, lease)
    return run_id


def test_what_a_cancelled_run_alone_wanted_is_not_written(desk):
    old = [desk.annotate() for _ in range(3)]
    storage = desk.place.add_export()
    changed = desk.annotate()  # to be written because it was saved
    run_id = begin(desk, storage)
    desk.change(old[0], lead_time=1)

    runs.cancel_run(desk.app, desk.owner, run_id)
    desk.deliver(storage)

    assert desk.bucket.keys() == sorted([str(old[0].id), str(changed.id)])
    assert desk.place.show(storage).deliveries == deliveries.Deliveries(2, 0, 0)


def test_what_was_under_way_when_it_was_cancelled_is_known(desk):
    annotation = desk.annotate()
    storage = desk.place.add_export()
    run_id = begin(desk, storage)
    carrier = Carrier(desk, storage)

    runs.cancel_run(desk.app, desk.owner, run_id)
    carrier.send().settle()

    assert [link.key for link in desk.links()] == [str(annotation.id)]
    assert sync_new(desk, storage).counts["total"] == 0


def test_a_cancelled_run_that_is_retried_writes_everything(desk):
    for _ in range(3):
        desk.annotate()
    storage = desk.place.add_export()
    run_id = begin(desk, storage)
    runs.cancel_run(desk.app, desk.owner, run_id)

    runs.retry_run(desk.app, desk.owner, run_id)
    run = run_until_done(desk.app, run_id, owner="test")

    assert (run.state, run.counts["delivered"]) == ("completed", 3)
    assert len(desk.bucket.keys()) == 3
