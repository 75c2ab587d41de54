"""What buckets, keys, results and people do that nobody wished for."""

from __future__ import annotations

import gc
import json

import pytest

from labeldock.contract import (
    AccessDenied,
    Conflict,
    ContainerNotFound,
    InvalidInput,
    Purpose,
)
from labeldock.services import leases, storages
from labeldock.services.exporting import delivery, outbox
from tests.core.exporting.carrying import Carrier
from tests.core.scripted import FailAt

HUGE = 50 * 1024 * 1024


@pytest.mark.parametrize(
    "error", [AccessDenied("no entry"), ContainerNotFound("no such bucket")]
)
def test_a_bucket_that_refuses_is_told_of_and_annotating_goes_on(
    sqlite_desk, provider, error
):
    desk = sqlite_desk
    storage = desk.place.add_export()
    provider.before["save_annotation"] = FailAt(error)
    annotation = desk.annotate()
    desk.deliver(storage)

    desk.change(annotation, lead_time=1)
    desk.delete(annotation)

    assert desk.place.show(storage).deliveries.delivered == 0
    assert desk.links() == []


def test_a_key_that_the_provider_cannot_hold_fails_that_one_alone(sqlite_desk):
    """The names of sources come from elsewhere, and may be as long as they can be."""
    desk = sqlite_desk
    long_key = "x" * 1020 + ".jpg"
    for key in (long_key, "short.jpg"):
        desk.bucket.put(key)
    desk.place.sync(desk.place.add(use_blob_urls=True))
    storage = desk.place.add_export(payload="task", key_template="{source_key}.json")
    for task_id in (1, 2):
        desk.annotate(task_id)

    desk.deliver(storage)

    assert "short.jpg.json" in desk.bucket.keys()  # noqa: SIM118
    failed = [row for row in desk.rows() if row.has_failed]
    assert [row.key for row in failed] == [f"{long_key}.json"]
    assert failed[0].problem["code"] == "invalid_key"


def test_a_result_of_fifty_megabytes_is_delivered(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export()
    annotation = desk.annotate(result=[{"text": "x" * HUGE}])
    small = [desk.annotate() for _ in range(3)]

    assert desk.deliver(storage) == 4

    assert len(desk.bucket.read(str(annotation.id))) > HUGE
    assert len(desk.bucket.keys()) == 1 + len(small)
    desk.bucket.remove(str(annotation.id))
    gc.collect()


@pytest.mark.parametrize(
    "result", [[{"a": object()}], [{"a": {1, 2}}], [{"a": "\ud800"}], "[]", {"a": 1}]
)
def test_a_result_that_is_not_json_is_refused(sqlite_desk, result):
    with pytest.raises(InvalidInput) as caught:
        sqlite_desk.annotate(result=result)

    assert [problem.field for problem in caught.value.problems] == ["result"]


@pytest.mark.parametrize("can_delete", [True, False])
def test_an_annotation_deleted_while_its_upload_is_under_way(
    desk, provider, can_delete
):
    storage = desk.place.add_export(can_delete_objects=can_delete)
    annotation = desk.annotate()

    def delete(_request):
        del provider.before["save_annotation"]
        desk.delete(annotation)

    provider.before["save_annotation"] = delete
    desk.deliver(storage)

    keys = [] if can_delete else [str(annotation.id)]
    assert desk.bucket.keys() == keys
    assert [link.key for link in desk.links()] == keys
    assert outbox.list_pending_storages(desk.app) == []


def test_a_storage_removed_with_rows_waiting_takes_them_with_it(desk):
    storage = desk.place.add_export()
    for _ in range(3):
        desk.annotate()

    storages.remove_storage(desk.app, desk.owner, storage.id, Purpose.EXPORT)

    assert desk.rows() == []
    assert delivery.deliver_batch(desk.app, storage.id) == 0
    assert desk.bucket.keys() == []


def test_a_storage_removed_while_it_is_delivered_to_breaks_nothing(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    carrier = Carrier(desk, storage)
    storages.remove_storage(desk.app, desk.owner, storage.id, Purpose.EXPORT)

    carrier.send().settle()

    assert desk.rows() == desk.links() == []
    assert json.loads(desk.bucket.read(str(annotation.id)))["id"] == annotation.id


def test_the_shape_of_a_storage_is_not_changed_under_a_run(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export()
    desk.annotate()
    run_id = desk.place.request(storage)
    leases.claim_run(desk.app, "test", run_id)

    with pytest.raises(Conflict, match="is being synced"):
        storages.update_storage(
            desk.app, desk.owner, storage.id, Purpose.EXPORT, {"prefix": "other"}
        )

    assert desk.place.show(storage).fields["prefix"] == ""
