"""One task per object."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labeldock.contract import ObjectInfo, UnreadableObject
from labeldock.services import storages, tasks
from labeldock.services.importing import stretches
from tests.core.importing.conftest import tell

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


def test_each_object_becomes_a_task_that_names_it(place, bucket, ledger):
    bucket.put_all({"a.jpg": "1", "b/c d#?.jpg": "2", "ä.png": "3"})
    storage = place.add(**BLOBS)

    run = place.sync(storage)

    assert run.state == "completed"
    assert ledger.data() == [
        {"$undefined$": "memory://media/a.jpg"},
        {"$undefined$": "memory://media/b/c d#?.jpg"},
        {"$undefined$": "memory://media/ä.png"},
    ]
    assert tell(run) == {"seen": 3, "new": 3, "created": 3}
    assert list(run.counts) == list(stretches.COUNTS)
    assert [task.inner_id for task in ledger.tasks()] == [1, 2, 3]
    assert ledger.project().task_number == 3
    assert place.show(storage).last_success_count == 3


def test_a_second_sync_adds_what_is_new_and_nothing_twice(place, bucket, ledger):
    bucket.put_all({"b": "1", "d": "2"})
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.put_all({"a": "3", "c": "4", "e": "5"})

    run = place.sync(storage)

    assert ledger.keys() == ["b", "d", "a", "c", "e"]
    assert (run.counts["created"], run.counts["existed"]) == (3, 2)


def test_changed_and_vanished_objects_are_noticed_and_their_tasks_stay(
    place, bucket, ledger
):
    bucket.put_all({"a": "1", "b": "2", "c": "3"})
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.put("a", "another")
    bucket.remove("b")

    run = place.sync(storage)

    assert run.state == "completed"
    assert (run.counts["changed"], run.counts["vanished"]) == (1, 1)
    assert ledger.links() == [
        ("a", -1, "linked", True),
        ("b", -1, "linked", False),
        ("c", -1, "linked", True),
    ]
    assert len(ledger.tasks()) == 3


def test_what_vanished_is_reported_once_and_may_return(place, bucket, ledger):
    bucket.put_all({"a": "1", "b": "2"})
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.remove("b")

    vanished = [place.sync(storage).counts["vanished"] for _ in range(2)]
    bucket.put("b", "2")
    run = place.sync(storage)

    assert vanished == [1, 0]
    assert (run.counts["created"], run.counts["existed"]) == (0, 2)
    assert ledger.links() == [("a", -1, "linked", True), ("b", -1, "linked", True)]


def test_an_object_is_imported_again_when_its_task_was_deleted(place, bucket, ledger):
    bucket.put_all({"a": "1", "b": "2"})
    storage = place.add(**BLOBS)
    place.sync(storage)
    tasks.delete_task(place.app, place.owner, ledger.tasks()[0].id)

    run = place.sync(storage)

    assert run.counts["created"] == 1
    assert ledger.keys() == ["b", "a"]
    assert ledger.project().task_number == 2


# What is looked at


def test_only_what_lies_below_the_prefix_is_imported(
    sqlite_place, bucket, sqlite_ledger
):
    bucket.put_all(dict.fromkeys(["a/1", "a/b/2", "ab", "a-c", "a", "b/3", "a0"], "x"))
    storage = sqlite_place.add(prefix="a", **BLOBS)

    sqlite_place.sync(storage)

    assert sqlite_ledger.keys() == ["a/1", "a/b/2"]


def test_a_literal_prefix_is_raw_text(sqlite_place, bucket, sqlite_ledger):
    bucket.put_all(dict.fromkeys(["a/1", "ab", "a-c", "a", "b"], "x"))
    storage = sqlite_place.add(prefix="a", literal_prefix=True, **BLOBS)

    sqlite_place.sync(storage)

    assert sqlite_ledger.keys() == ["a", "a-c", "a/1", "ab"]


def test_sub_folders_are_entered_only_when_asked(place, bucket, ledger):
    bucket.put_all(dict.fromkeys(["in/a", "in/b/c", "in/b/d/e", "in/f"], "x"))
    storage = place.add(prefix="in", use_blob_urls=True)

    run = place.sync(storage)

    assert ledger.keys() == ["in/a", "in/f"]
    assert run.counts["seen"] == 2


def test_what_lies_in_folders_that_are_no_longer_entered_has_not_vanished(
    place, bucket, ledger
):
    bucket.put_all(dict.fromkeys(["a", "b/c", "d"], "x"))
    storage = place.add(**BLOBS)
    place.sync(storage)
    storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, {"recursive_scan": False}
    )

    run = place.sync(storage)

    assert run.counts["vanished"] == 0
    assert {exists for *_, exists in ledger.links()} == {True}


def test_a_filter_takes_whole_keys_from_their_beginning(place, bucket, ledger):
    bucket.put_all(dict.fromkeys(["in/a.jpg", "in/b.txt", "c.jpg"], "x"))
    storage = place.add(regex_filter=r"in/.*\.jpg$", **BLOBS)

    run = place.sync(storage)

    assert ledger.keys() == ["in/a.jpg"]
    assert (run.counts["seen"], run.counts["filtered"]) == (3, 2)


def test_what_is_filtered_out_later_has_not_vanished_but_what_is_gone_has(
    place, bucket, ledger
):
    bucket.put_all(dict.fromkeys(["a.jpg", "b.txt", "c.txt"], "x"))
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.remove("c.txt")
    storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose,
        {"regex_filter": r".*\.jpg"},
    )  # fmt: skip

    run = place.sync(storage)

    assert (run.counts["filtered"], run.counts["vanished"]) == (1, 1)
    assert [link for link in ledger.links() if not link[3]] == [
        ("c.txt", -1, "linked", False)
    ]


def test_folder_markers_are_no_objects(sqlite_place, bucket, sqlite_ledger):
    bucket.put_all({"in/": "", "in/a": "x", "in/b/": "", "in/b/c": "x"})
    storage = sqlite_place.add(prefix="in", **BLOBS)

    run = sqlite_place.sync(storage)

    assert sqlite_ledger.keys() == ["in/a", "in/b/c"]
    assert tell(run) == {"seen": 4, "skipped": 2, "new": 2, "created": 2}


def test_a_key_that_is_too_long_is_an_error_of_that_object(
    place, provider, bucket, ledger
):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    long = ObjectInfo("ä" * 600, 1, "etag")
    provider.after["list_objects"] = lambda page: replace(
        page, objects=(*page.objects, long)
    )

    run = place.sync(storage)

    assert run.state == "completed_with_errors"
    assert ledger.keys() == ["a"]
    assert [(e.key, e.code) for e in place.errors(run)] == [(long.key, "key_too_long")]


def test_a_name_that_is_no_key_is_an_error_with_its_reason(
    place, provider, bucket, ledger
):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    odd = UnreadableObject("b%FF", "The name is not UTF-8.")
    provider.after["list_objects"] = lambda page: replace(page, unreadable=(odd,))

    run = place.sync(storage)

    assert (run.state, run.counts["failed"]) == ("completed_with_errors", 1)
    (error,) = place.errors(run)
    assert (error.key, error.code) == ("b%FF", "unreadable_name")
    assert "UTF-8" in error.remedy
    assert ledger.keys() == ["a"]


# Pages


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_the_size_of_pages_makes_no_difference(
    open_app, sqlite_installation, build_workplace, build_ledger, bucket, page_size
):
    app = open_app(sqlite_installation, page_size=page_size, slice_pages=5)
    place, count = build_workplace(app), 101
    keys = [f"{n % 10}/{n:05}" for n in range(count)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = place.add(**BLOBS)

    first, second = place.sync(storage), place.sync(storage)

    assert build_ledger(app).keys() == sorted(keys)
    assert (first.counts["created"], second.counts["created"]) == (count, 0)
    assert (first.counts["seen"], second.counts["existed"]) == (count, count)


def test_ten_thousand_objects_and_one(place, bucket, ledger):
    keys = [f"{n:05}" for n in range(10_001)]
    bucket.put_all(dict.fromkeys(keys, b""))
    storage = place.add(**BLOBS)

    run = place.sync(storage)

    assert run.state == "completed"
    assert run.counts["created"] == ledger.project().task_number == 10_001
    assert ledger.keys() == keys
    assert [task.inner_id for task in ledger.tasks()] == list(range(1, 10_002))


def test_a_storage_that_had_files_before_is_compared_file_by_file(place, bucket):
    bucket.put_all({"a.jsonl": '{"n": 1}\n{"n": 2}\n', "b.json": '{"n": 3}'})
    storage = place.add(recursive_scan=True)
    place.sync(storage)
    storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, {"use_blob_urls": True}
    )
    bucket.put("c.jpg", "x")

    run = place.sync(storage)

    assert tell(run) == {"seen": 3, "new": 1, "created": 1, "existed": 3}
