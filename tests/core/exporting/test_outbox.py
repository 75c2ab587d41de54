"""What has to be delivered is written down in the transaction of the change."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract import InvalidInput
from labeldock.db.tables import Annotation
from labeldock.services import annotations, storages
from labeldock.services.exporting import outbox
from tests.core.concurrency import run_at_once


def test_saving_an_annotation_queues_it_for_every_export_storage(desk):
    first = desk.place.add_export(prefix="one")
    second = desk.place.add_export(prefix="two")
    desk.bucket.put("a.json", "{}")
    desk.place.add()  # an import storage gets nothing

    annotation = desk.annotate()

    assert [
        (r.storage_id, r.key, r.wanted, r.wanted_version, r.delivered_version)
        for r in desk.rows()
    ] == [
        (first.id, f"one/{annotation.id}", "present", 1, 0),
        (second.id, f"two/{annotation.id}", "present", 1, 0),
    ]
    assert outbox.list_pending_storages(desk.app) == [first.id, second.id]


def test_a_change_that_is_rolled_back_leaves_neither_annotation_nor_row(
    desk, monkeypatch
):
    desk.place.add_export()
    task_id = desk.task()

    def fail(*_):
        raise ValueError("half way")

    monkeypatch.setattr(annotations, "view_annotation", fail)
    with pytest.raises(ValueError, match="half way"):
        desk.annotate(task_id)

    assert desk.rows() == []
    with desk.app.database.read() as session:
        assert session.exec(select(Annotation)).all() == []
    assert outbox.list_pending_storages(desk.app) == []


def test_a_refused_annotation_queues_nothing(desk):
    desk.place.add_export()

    with pytest.raises(InvalidInput, match="cannot be saved"):
        desk.annotate(result="text")

    assert desk.rows() == []


def test_changes_collapse_into_the_newest(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    for number in range(4):
        desk.change(annotation, lead_time=number)

    assert (desk.row().wanted_version, desk.row().delivered_version) == (5, 0)
    assert desk.deliver(storage) == 1
    assert desk.read(annotation.id)["lead_time"] == 3
    assert (desk.row().wanted_version, desk.row().delivered_version) == (5, 5)
    assert outbox.list_pending_storages(desk.app) == []


def test_a_storage_removed_while_somebody_annotates_breaks_nothing(desk):
    task_id = desk.task()
    exports = [desk.place.add_export(prefix=f"{n}") for n in range(4)]

    outcomes = run_at_once(
        *[lambda: desk.annotate(task_id) for _ in range(4)],
        *[
            lambda e=e: storages.remove_storage(desk.app, desk.owner, e.id, e.purpose)
            for e in exports
        ],
    )

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert desk.rows() == []
    assert len(annotations.list_annotations(desk.app, desk.owner, task_id)) == 4


# Removal


def test_a_deleted_annotation_is_removed_from_where_that_is_allowed(desk):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    desk.deliver(storage)
    assert desk.bucket.keys() == [str(annotation.id)]

    desk.delete(annotation)
    desk.deliver(storage)

    assert desk.bucket.keys() == []
    assert desk.links() == []
    assert outbox.list_pending_storages(desk.app) == []


def test_elsewhere_its_object_stays(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.deliver(storage)

    desk.delete(annotation)

    assert desk.deliver(storage) == 0
    assert desk.bucket.keys() == [str(annotation.id)]
    assert [link.key for link in desk.links()] == [str(annotation.id)]


@pytest.mark.parametrize("can_delete", [True, False])
def test_an_annotation_deleted_before_its_delivery_is_never_written(desk, can_delete):
    storage = desk.place.add_export(can_delete_objects=can_delete)
    desk.delete(desk.annotate())

    desk.deliver(storage)

    assert desk.bucket.keys() == []
    assert desk.links() == []
    assert outbox.list_pending_storages(desk.app) == []


def test_an_object_that_is_not_ours_is_left_alone(desk, provider):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()
    desk.bucket.put(str(annotation.id), "of somebody else")

    desk.delete(annotation)
    desk.deliver(storage)

    assert desk.bucket.keys() == [str(annotation.id)]
    assert provider.calls["delete_annotation"] == 0


def test_an_annotation_deleted_during_its_upload_is_removed_after_it(desk, provider):
    storage = desk.place.add_export(can_delete_objects=True)
    annotation = desk.annotate()

    def delete(_request):
        del provider.before["save_annotation"]
        desk.delete(annotation)

    provider.before["save_annotation"] = delete
    desk.deliver(storage)

    assert desk.bucket.keys() == []
    assert desk.links() == []


# One file per task


@pytest.fixture
def task_desk(open_app, installation, build_desk):
    return build_desk(open_app(installation, future_save_task_to_storage=True))


def test_in_task_mode_a_file_holds_the_task_with_all_its_annotations(task_desk):
    desk, storage = task_desk, task_desk.place.add_export(prefix="out")
    task_id = desk.task()
    first, second = desk.annotate(task_id), desk.annotate(task_id, was_cancelled=True)

    assert desk.deliver(storage) == 1

    assert desk.bucket.keys() == [f"out/{task_id}.json"]
    document = desk.read(f"out/{task_id}.json")
    assert [each["id"] for each in document["annotations"]] == [first.id, second.id]
    assert document["data"] == {"image": "memory://media/a.jpg"}


def test_the_extension_can_be_left_out(open_app, sqlite_installation, build_desk):
    desk = build_desk(
        open_app(
            sqlite_installation,
            future_save_task_to_storage=True,
            future_save_task_to_storage_json_ext=False,
        )
    )
    storage = desk.place.add_export()
    annotation = desk.annotate()

    desk.deliver(storage)

    assert desk.bucket.keys() == [str(annotation.task_id)]


@pytest.mark.parametrize("can_delete", [True, False])
def test_in_task_mode_the_file_is_written_again_while_an_annotation_remains(
    task_desk, can_delete
):
    desk = task_desk
    storage = desk.place.add_export(can_delete_objects=can_delete)
    task_id = desk.task()
    first, second = desk.annotate(task_id), desk.annotate(task_id)
    desk.deliver(storage)

    desk.delete(first)
    desk.deliver(storage)
    document = desk.read(f"{task_id}.json")
    assert [each["id"] for each in document["annotations"]] == [second.id]

    desk.delete(second)
    desk.deliver(storage)
    assert desk.bucket.keys() == ([] if can_delete else [f"{task_id}.json"])
