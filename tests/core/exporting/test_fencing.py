"""Never older content over newer, whoever is slow, and never what is not ours."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import (
    AccessDenied,
    NotSupported,
    PreconditionFailed,
    SavedObject,
    Unavailable,
)
from labeldock.services import deleting, tasks
from labeldock.services.exporting.claims import ParcelLost
from labeldock.services.exporting.sending import Kept, Removed
from tests.core.exporting.carrying import Carrier, expire_leases
from tests.core.scripted import FailAt


def overtake(desk, storage):
    """A worker that is slow, and one that took its place; the slow one's content."""
    slow = Carrier(desk, storage)
    expire_leases(desk)
    return slow, Carrier(desk, storage)


@pytest.mark.parametrize("was_there", [True, False])
def test_a_slow_worker_never_writes_over_what_came_after_it(desk, was_there):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    if was_there:
        desk.deliver(storage)
        desk.change(annotation, lead_time=1)
    slow, quick = overtake(desk, storage)
    desk.change(annotation, lead_time=2)
    quick.prepare().send().settle()

    slow.send()

    assert isinstance(slow.outcome, ParcelLost)
    assert desk.read(annotation.id)["lead_time"] == 2


def test_a_slow_worker_that_looks_first_does_not_either(desk, provider):
    """It sees the object change between its look and its write."""
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.bucket.put(str(annotation.id), "of somebody else")
    slow = Carrier(desk, storage)

    def take_over(_request):
        del provider.before["get_data"]
        expire_leases(desk)
        desk.change(annotation, lead_time=2)
        Carrier(desk, storage).send().settle()

    provider.before["get_data"] = take_over
    slow.send()

    assert isinstance(slow.outcome, ParcelLost)
    assert desk.read(annotation.id)["lead_time"] == 2


def test_what_was_written_and_not_noted_is_written_over(desk):
    """It was uploaded, and the process died; meanwhile the annotation was changed."""
    storage = desk.place.add_export()
    annotation = desk.annotate()
    Carrier(desk, storage).send()
    expire_leases(desk)
    desk.change(annotation, lead_time=3)

    assert desk.deliver(storage) == 1

    assert desk.read(annotation.id)["lead_time"] == 3
    assert desk.row().in_doubt == 0


def test_an_object_of_somebody_else_under_our_key_is_written_over(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.bucket.put(str(annotation.id), "of somebody else")

    desk.deliver(storage)

    assert desk.read(annotation.id)["id"] == annotation.id


def test_a_bucket_without_conditions_is_written_without(sqlite_desk, provider):
    desk = sqlite_desk
    storage = desk.place.add_export()
    made = [desk.annotate() for _ in range(3)]
    refused = []

    def refuse(request):
        if request.condition.absent or request.condition.etag:
            refused.append(request.key)
            raise NotSupported("no conditions here")

    provider.before["save_annotation"] = refuse
    desk.deliver(storage)

    assert refused
    assert desk.bucket.keys() == sorted(str(each.id) for each in made)


def test_who_may_write_and_not_read_delivers_all_the_same(sqlite_desk, provider):
    desk = sqlite_desk
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.bucket.put(str(annotation.id), "old")
    provider.before["get_data"] = FailAt(AccessDenied("write only"))

    desk.deliver(storage)

    assert desk.read(annotation.id)["id"] == annotation.id


def test_an_object_that_others_change_all_the_time_is_tried_again_later(
    sqlite_desk, provider
):
    desk = sqlite_desk
    storage = desk.place.add_export()
    desk.annotate()
    provider.before["save_annotation"] = fault = FailAt(PreconditionFailed("changed"))

    desk.deliver(storage)

    assert fault.fired > 1
    assert not desk.row().has_failed
    assert desk.row().problem["code"] == Unavailable.code


# Removal


def test_an_object_that_was_changed_since_is_kept(desk):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    desk.deliver(storage)
    desk.bucket.put(str(annotation.id), json.dumps({"id": annotation.id, "x": 1}))

    desk.delete(annotation)
    desk.deliver(storage)

    assert desk.bucket.keys() == [str(annotation.id)]
    assert desk.row().problem["code"] == "object_changed"
    assert desk.row().delivered_version == desk.row().wanted_version


def test_what_was_written_and_not_noted_is_removed(desk):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    Carrier(desk, storage).send()
    expire_leases(desk)
    desk.delete(annotation)

    assert desk.deliver(storage) == 1

    assert desk.bucket.keys() == []
    assert desk.row().delivered_version == desk.row().wanted_version


def test_what_was_tried_and_is_of_somebody_else_is_kept(sqlite_desk, provider):
    desk = sqlite_desk
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    desk.bucket.put(str(annotation.id), "[1]")
    provider.before["save_annotation"] = FailAt(AccessDenied("no"))
    desk.deliver(storage)

    desk.delete(annotation)
    desk.deliver(storage)

    assert desk.bucket.read(str(annotation.id)) == b"[1]"


def test_a_slow_removal_does_not_remove_what_came_after_it(desk):
    """A task's last annotation was deleted, and another one made."""
    storage = desk.place.add_export(payload="task", can_delete_objects=True)
    task_id = desk.task()
    first = desk.annotate(task_id)
    desk.deliver(storage)
    desk.delete(first)
    slow, quick = overtake(desk, storage)
    quick.send().settle()
    second = desk.annotate(task_id)
    Carrier(desk, storage).send().settle()

    slow.send().settle()
    desk.make_due()
    desk.deliver(storage)

    assert isinstance(quick.outcome, Removed)
    assert isinstance(slow.outcome, Kept | ParcelLost)
    written = desk.read(f"{task_id}.json")["annotations"]
    assert [each["id"] for each in written] == [second.id]


def test_a_file_of_a_task_is_written_again_while_an_annotation_remains(desk):
    storage = desk.place.add_export(payload="task", can_delete_objects=True)
    task_id = desk.task()
    first, second = desk.annotate(task_id), desk.annotate(task_id)
    desk.deliver(storage)

    desk.delete(first)
    desk.deliver(storage)
    left = desk.read(f"{task_id}.json")["annotations"]
    desk.delete(second)
    desk.deliver(storage)

    assert [each["id"] for each in left] == [second.id]
    assert desk.bucket.keys() == []
    assert desk.links() == []


@pytest.mark.parametrize("payload", ["annotation", "task"])
@pytest.mark.parametrize("delete_all", [True, False])
def test_the_objects_of_deleted_tasks_are_removed_where_that_is_allowed(
    desk, payload, delete_all
):
    exports = {
        name: desk.place.add_export(
            prefix=name, payload=payload, can_delete_objects=name == "may"
        )
        for name in ("may", "not")
    }
    task_id, other = desk.task(), desk.task()
    for number in (task_id, task_id, other):
        desk.annotate(number)
    for storage in exports.values():
        desk.deliver(storage)
    waiting = desk.annotate(task_id)
    before = set(desk.bucket.keys())

    if delete_all:
        deleting.delete_all_tasks(desk.app, desk.owner, desk.place.project)
    else:
        tasks.delete_task(desk.app, desk.owner, task_id)
    for storage in exports.values():
        desk.deliver(storage)

    kept = {key for key in before if key.startswith("not/")}
    mays = {key for key in desk.bucket.keys() if key.startswith("may/")}  # noqa: SIM118
    assert kept == {key for key in desk.bucket.keys() if key not in mays}  # noqa: SIM118
    assert len(mays) == (0 if delete_all else 1)
    assert not any(str(waiting.id) in key.split("/") for key in desk.bucket.keys())  # noqa: SIM118
    assert {link.key for link in desk.links()} == set(desk.bucket.keys())


def test_an_outcome_of_a_write_tells_the_etag(desk):
    storage = desk.place.add_export()
    desk.annotate()

    done = Carrier(desk, storage).send().settle()

    assert isinstance(done.outcome, SavedObject)
    (link,) = desk.links()
    assert link.etag == done.outcome.etag
    assert link.object_exists
    assert link.seen_at is not None
