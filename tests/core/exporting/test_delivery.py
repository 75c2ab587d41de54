"""At least once, the newest last, and a bucket that fails breaks nothing."""

from __future__ import annotations

import threading

import pytest

from labeldock.contract import (
    AccessDenied,
    IntegrityError,
    RateLimited,
    Unavailable,
)
from labeldock.services import annotations, tasks
from labeldock.services.exporting import claims, delivery, outbox, settling
from labeldock.testing.plugins import build_catalog
from tests.core.concurrency import Background, run_at_once, wait_until
from tests.core.exporting.carrying import Carrier, expire_leases
from tests.core.scripted import FailAt


def test_what_is_delivered_is_noted_and_told(desk):
    storage = desk.place.add_export(prefix="out")
    annotation = desk.annotate()

    assert desk.deliver(storage) == 1

    key = f"out/{annotation.id}"
    (link,) = desk.links()
    assert (link.key, link.annotation_id, link.task_id, link.version) == (
        key, annotation.id, annotation.task_id, 1,
    )  # fmt: skip
    assert link.etag
    assert desk.read(key)["result"] == annotation.result
    row = desk.row()
    assert (row.attempts, row.problem, row.lease_expires_at) == (0, None, None)
    assert desk.deliver(storage) == 0


def test_the_newest_content_is_what_arrives(desk, provider):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.deliver(storage)

    desk.change(annotation, result=[])
    desk.deliver(storage)

    assert desk.read(annotation.id)["result"] == []
    (link,) = desk.links()
    assert link.version == 2


def test_a_document_with_endless_digits_is_delivered_to_the_digit(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate(result=[{"value": {"n": 10**30}}])

    desk.deliver(storage)

    document = desk.read(annotation.id)
    assert document["result"] == [{"value": {"n": 10**30}}]
    assert document["created_at"].startswith("20")


def test_a_parcel_is_claimed_by_one_alone(desk):
    storage = desk.place.add_export()
    for _ in range(20):
        desk.annotate()

    found = run_at_once(
        *[lambda: claims.claim_parcels(desk.app, storage.id) for _ in range(4)]
    )

    ids = [parcel.id for parcels in found for parcel in parcels]
    assert len(ids) == len(set(ids)) == 20


def test_a_claim_takes_no_more_than_a_batch_whatever_the_plan(
    postgres_app, build_desk, monkeypatch
):
    monkeypatch.setattr(claims, "BATCH", 2)
    desk = build_desk(postgres_app)
    storage, task_id = desk.place.add_export(), desk.task()
    for _ in range(6):
        desk.annotate(task_id)
    with postgres_app.database.engine.connect() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        for plan in ("hashagg", "hashjoin", "mergejoin", "material", "sort"):
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET enable_{plan}=off')
        connection.commit()
    postgres_app.database.close()  # the settings are those of new connections

    assert len(claims.claim_parcels(postgres_app, storage.id)) == 2
    assert sum(row.lease_expires_at is not None for row in desk.rows()) == 2


# A change while it is under way


def test_a_change_while_an_upload_is_under_way_is_delivered_after_it(desk, provider):
    storage = desk.place.add_export()
    annotation = desk.annotate()

    def change(_request):
        del provider.before["save_annotation"]
        desk.change(annotation, lead_time=7)

    provider.before["save_annotation"] = change
    assert delivery.deliver_batch(desk.app, storage.id) == 1
    assert (desk.row().wanted_version, desk.row().delivered_version) == (2, 1)

    desk.deliver(storage)

    assert desk.read(annotation.id)["lead_time"] == 7
    assert desk.row().delivered_version == 2


def test_a_failure_of_the_old_content_says_nothing_about_the_new(desk, provider):
    storage = desk.place.add_export()
    annotation = desk.annotate()

    def change(_request):
        del provider.before["save_annotation"]
        desk.change(annotation, lead_time=7)
        raise AccessDenied("not any more")

    provider.before["save_annotation"] = change
    delivery.deliver_batch(desk.app, storage.id)
    assert (desk.row().has_failed, desk.row().attempts) == (False, 0)

    desk.make_due()
    desk.deliver(storage)

    assert desk.read(annotation.id)["lead_time"] == 7


@pytest.mark.parametrize("error", [None, Unavailable("The answer came too late.")])
def test_a_delivery_that_lost_its_lease_marks_the_key_again(desk, error):
    """Two uploads of one key: which came last is unknown, so another one follows."""
    storage = desk.place.add_export()
    annotation = desk.annotate()
    slow = Carrier(desk, storage)
    expire_leases(desk)
    quick = Carrier(desk, storage)
    desk.change(annotation, lead_time=1)

    quick.prepare().send().settle()
    settled = desk.row()
    slow.send(error).settle()

    assert settled.delivered_version == quick.parcel.version
    assert desk.row().wanted_version == settled.wanted_version + 1
    desk.make_due()
    assert desk.deliver(storage) == 1
    assert desk.row().delivered_version == desk.row().wanted_version


def test_a_slow_bucket_gives_back_what_it_did_not_come_to(desk, monkeypatch):
    storage = desk.place.add_export()
    desk.annotate()
    monkeypatch.setattr(delivery, "_BEGIN_SECONDS", -1.0)

    assert delivery.deliver_batch(desk.app, storage.id) == 1
    assert desk.bucket.keys() == []
    row = desk.row()
    assert (row.attempts, row.lease_expires_at, row.delivered_version) == (0, None, 0)

    monkeypatch.undo()
    assert desk.deliver(storage) == 1


def test_deliveries_at_once_leave_the_newest_content(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()

    run_at_once(
        *[lambda n=n: desk.change(annotation, lead_time=n) for n in range(6)],
        *[lambda: desk.deliver(storage) for _ in range(3)],
    )
    desk.make_due()
    desk.deliver(storage)

    newest = annotations.get_annotation(desk.app, desk.owner, annotation.id)
    assert desk.read(annotation.id)["lead_time"] == newest.lead_time
    assert desk.row().delivered_version == desk.row().wanted_version


# A bucket that fails


def test_a_bucket_that_fails_never_breaks_annotating(desk, provider):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(Unavailable("down"))
    annotation = desk.annotate()

    assert desk.deliver(storage) == 1
    desk.change(annotation, lead_time=2)

    row = desk.row()
    assert (row.delivered_version, row.wanted_version) == (0, 2)
    assert desk.links() == []


def test_a_failure_is_kept_and_tried_again_later_each_time(desk, provider):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(
        Unavailable("The bucket does not answer.", remedy="Wait.")
    )
    desk.annotate()
    waits = []
    for _ in range(3):
        assert delivery.deliver_batch(desk.app, storage.id) == 1
        assert delivery.deliver_batch(desk.app, storage.id) == 0  # not due
        row = desk.row()
        waits.append(round((row.due_at - row.updated_at).total_seconds()))
        desk.make_due()

    assert row.attempts == 3
    assert row.problem["message"] == "The bucket does not answer."
    assert row.problem["remedy"] == "Wait."
    assert waits == pytest.approx([2, 4, 8], abs=1)
    assert outbox.list_pending_storages(desk.app) == [storage.id]


def test_the_storage_may_say_when_to_come_again(desk, provider):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(RateLimited("slow", retry_after=90))
    desk.annotate()

    desk.deliver(storage)

    row = desk.row()
    assert (row.due_at - row.updated_at).total_seconds() == pytest.approx(90, abs=1)


def test_it_gives_up_after_so_many_attempts_and_the_next_sync_tries_again(
    desk, provider
):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = fault = FailAt(Unavailable("down"))
    annotation = desk.annotate()
    for _ in range(settling.MAX_ATTEMPTS + 3):
        desk.deliver(storage)
        desk.make_due()
    assert fault.fired == settling.MAX_ATTEMPTS
    assert (desk.row().has_failed, desk.row().attempts) == (True, fault.fired)
    assert outbox.list_pending_storages(desk.app) == []

    del provider.before["save_annotation"]
    assert desk.place.sync(storage).counts["delivered"] == 1

    assert desk.bucket.keys() == [str(annotation.id)]
    assert (desk.row().has_failed, desk.row().problem) == (False, None)


def test_a_failure_that_will_not_pass_is_given_up_at_once(desk, provider):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = fault = FailAt(AccessDenied("no"))
    annotation = desk.annotate()
    desk.deliver(storage)
    desk.make_due()
    desk.deliver(storage)
    assert (fault.fired, desk.row().has_failed) == (1, True)

    del provider.before["save_annotation"]
    desk.change(annotation, lead_time=1)  # any change is another try
    desk.deliver(storage)

    assert desk.read(annotation.id)["lead_time"] == 1


def test_a_provider_that_crashes_is_tried_again(desk, provider):
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(ZeroDivisionError("s3cret"), 1)
    annotation = desk.annotate()
    desk.deliver(storage)
    assert "s3cret" not in desk.row().problem["message"]
    assert not desk.row().has_failed

    desk.make_due()
    desk.deliver(storage)

    assert desk.bucket.keys() == [str(annotation.id)]


def test_one_parcel_that_fails_holds_up_no_other(desk, provider):
    storage = desk.place.add_export()
    made = [desk.annotate() for _ in range(5)]
    error = IntegrityError("cut off")
    provider.before["save_annotation"] = lambda request: (
        FailAt(error)(request) if request.key == str(made[2].id) else None
    )

    desk.deliver(storage)

    assert len(desk.bucket.keys()) == 4
    assert [row.has_failed for row in desk.rows()] == [False, False, True, False, False]


def test_a_delivery_repeated_after_a_crash_changes_nothing(desk):
    """It was uploaded, and the process died before it could note it."""
    storage = desk.place.add_export()
    annotation = desk.annotate()
    Carrier(desk, storage).send()
    content = desk.bucket.read(str(annotation.id))
    expire_leases(desk)

    assert desk.deliver(storage) == 1

    assert desk.bucket.keys() == [str(annotation.id)]
    assert desk.bucket.read(str(annotation.id)) == content
    assert len(desk.links()) == 1


def test_a_provider_that_is_gone_is_a_failure_of_each_parcel(
    desk, open_app, installation
):
    storage = desk.place.add_export()
    desk.annotate()
    bare = open_app(installation, catalog=build_catalog())

    delivery.deliver_batch(bare, storage.id)

    assert desk.row().problem["code"] == "unknown_provider"


def test_tasks_deleted_meanwhile_are_not_written_and_what_was_stays_known(desk):
    storage = desk.place.add_export()
    written, waiting = desk.annotate(), None
    desk.deliver(storage)
    desk.change(written, lead_time=1)
    waiting = desk.annotate()
    for annotation in (written, waiting):
        tasks.delete_task(desk.app, desk.owner, annotation.task_id)

    desk.deliver(storage)

    assert desk.bucket.keys() == [str(written.id)]
    assert [link.key for link in desk.links()] == [str(written.id)]
    assert outbox.list_pending_storages(desk.app) == []


def test_annotating_does_not_wait_for_an_upload(desk, provider):
    storage = desk.place.add_export()
    desk.annotate()
    gate = threading.Event()
    provider.before["save_annotation"] = lambda _request: gate.wait(20)
    upload = Background(lambda: desk.deliver(storage))
    wait_until(lambda: provider.calls["save_annotation"] == 1)

    desk.annotate()

    assert upload.is_running
    gate.set()
    upload.join()
    desk.deliver(storage)
    assert len(desk.bucket.keys()) == 2
