"""Links and bucket compared: missing, changed, foreign; what is missing repaired."""

from __future__ import annotations

import pytest

from labeldock.contract import NotAllowed, NotFound
from labeldock.services.exporting.verifying import Difference, verify_storage
from tests.core.exporting.carrying import Carrier


def verify(desk, storage, **options):
    return verify_storage(desk.app, desk.owner, storage.id, **options)


def named(result, difference):
    return [each.key for each in result.findings if each.difference is difference]


def test_a_bucket_that_is_as_it_was_written_is_well(desk):
    storage = desk.place.add_export(prefix="out")
    for _ in range(3):
        desk.annotate()
    desk.deliver(storage)
    desk.bucket.put("beside/it", "not below the prefix")

    result = verify(desk, storage)

    assert result.is_ok
    assert (result.objects, result.known, result.findings) == (3, 3, [])


def test_what_is_missing_changed_or_foreign_is_named(desk):
    storage = desk.place.add_export(prefix="out")
    gone, changed, good = (desk.annotate() for _ in range(3))
    desk.deliver(storage)
    desk.bucket.remove(f"out/{gone.id}")
    desk.bucket.put(f"out/{changed.id}", "{}")
    desk.bucket.put("out/else", "of somebody else")

    result = verify(desk, storage)

    assert named(result, Difference.MISSING) == [f"out/{gone.id}"]
    assert named(result, Difference.CHANGED) == [f"out/{changed.id}"]
    assert named(result, Difference.FOREIGN) == ["out/else"]
    assert (result.missing, result.changed, result.foreign) == (1, 1, 1)
    assert not result.is_ok
    seen = {link.annotation_id: link.object_exists for link in desk.links()}
    assert seen == {gone.id: False, changed.id: True, good.id: True}


def test_what_is_missing_is_written_again(desk):
    storage = desk.place.add_export()
    gone, _ = desk.annotate(), desk.annotate()
    desk.deliver(storage)
    desk.bucket.remove(str(gone.id))

    result = verify(desk, storage, repair=True)
    assert (result.missing, result.repaired, result.is_ok) == (1, 1, True)
    assert desk.deliver(storage) == 1

    assert desk.read(gone.id)["id"] == gone.id
    assert verify(desk, storage).findings == []


def test_what_is_missing_is_new_to_a_sync_of_what_is_new(sqlite_desk):
    desk = sqlite_desk
    storage = desk.place.add_export(save_only_new_annotations=True)
    gone, _ = desk.annotate(), desk.annotate()
    desk.deliver(storage)
    desk.bucket.remove(str(gone.id))
    verify(desk, storage)

    assert desk.place.sync(storage).counts["delivered"] == 1

    assert str(gone.id) in desk.bucket.keys()  # noqa: SIM118
    assert verify(desk, storage).is_ok


def test_what_is_missing_and_not_wanted_any_more_is_forgotten(desk):
    storage = desk.place.add_export()
    annotation = desk.annotate()
    desk.deliver(storage)
    desk.delete(annotation)
    desk.bucket.remove(str(annotation.id))

    assert verify(desk, storage, repair=True).is_ok
    desk.deliver(storage)

    assert desk.bucket.keys() == []
    assert desk.links() == []


def test_files_under_keys_of_a_template_are_repaired_under_their_keys(desk):
    storage = desk.place.add_export(key_template="{task.inner_id}.json")
    task_id = desk.task()
    made = [desk.annotate(task_id) for _ in range(2)]
    desk.deliver(storage)
    before = desk.bucket.keys()
    desk.bucket.remove(*before)

    verify(desk, storage, repair=True)
    desk.deliver(storage)

    assert desk.bucket.keys() == before
    assert desk.read(f"1-{made[1].id}.json")["id"] == made[1].id


def test_what_is_being_delivered_is_not_foreign(desk):
    storage = desk.place.add_export()
    desk.annotate()
    carrier = Carrier(desk, storage).send()

    assert verify(desk, storage).findings == []
    carrier.settle()
    assert verify(desk, storage).known == 1


def test_many_pages_and_many_findings_are_counted(sqlite_desk, monkeypatch):
    from labeldock.services.exporting import verifying

    monkeypatch.setattr(verifying, "MOST_NAMED", 3)
    monkeypatch.setattr(verifying, "_PAGE", 2)
    desk = sqlite_desk
    storage = desk.place.add_export()
    task_id = desk.task()
    for _ in range(7):
        desk.annotate(task_id)
    desk.deliver(storage)
    desk.bucket.remove(*desk.bucket.keys())

    result = verify(desk, storage)

    assert (result.missing, len(result.findings)) == (7, 3)


def test_only_who_manages_may_verify(sqlite_desk, people):
    storage = sqlite_desk.place.add_export()

    with pytest.raises(NotAllowed):
        verify_storage(sqlite_desk.app, people.stranger, storage.id)
    with pytest.raises(NotFound, match="no export storage 999"):
        verify_storage(sqlite_desk.app, sqlite_desk.owner, 999)
