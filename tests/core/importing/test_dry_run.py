"""A dry run says what a sync would do, and does nothing of it."""

from __future__ import annotations

import pytest

from labeldock.contract import InvalidInput, NotAllowed
from labeldock.services import dry_runs
from labeldock.services.importing import dry_run
from labeldock.services.working import run_until_done
from tests.core.importing.conftest import tell

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


def try_out(place, storage):
    view = dry_runs.request_dry_run(place.app, place.owner, storage.id)
    return run_until_done(place.app, view.id, owner="test")


def listed(place, run, **query):
    found = dry_runs.list_run_objects(place.app, place.owner, run.id, **query)
    return [(each.category, each.key) for each in found]


@pytest.fixture
def synced(open_app, installation, build_workplace, bucket):
    """A storage of which one object is new, one changed, one gone and one back."""
    place = build_workplace(open_app(installation, page_size=3))
    bucket.put_all(dict.fromkeys(["a", "b", "c", "d", "f/"], "x"))
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.remove("d")
    place.sync(storage)
    bucket.put_all({"b": "other", "d": "x", "e": "x"})
    bucket.remove("c")
    return place, storage


def test_it_counts_and_lists_what_a_sync_would_do(synced):
    place, storage = synced

    run = try_out(place, storage)

    assert (run.state, run.kind) == ("completed", "dry_run")
    expected = {"seen": 5, "skipped": 1, "new": 1, "existed": 3, "changed": 1}
    assert tell(run) == {**expected, "vanished": 1, "returned": 1}
    assert sorted(listed(place, run)) == [
        ("changed", "b"), ("new", "e"), ("returned", "d"), ("vanished", "c"),
    ]  # fmt: skip


def test_it_leaves_everything_as_it_was(synced, build_ledger):
    place, storage = synced
    ledger = build_ledger(place.app)
    before = (ledger.links(), ledger.keys(), place.show(storage))

    try_out(place, storage)

    assert (ledger.links(), ledger.keys(), place.show(storage)) == before


def test_the_sync_after_it_does_what_it_said(synced):
    place, storage = synced
    told = tell(try_out(place, storage))

    done = tell(place.sync(storage))

    assert {**told, "created": 1} == done


def test_keys_are_kept_up_to_a_number_and_given_page_by_page(
    place, bucket, monkeypatch
):
    monkeypatch.setattr(dry_run, "MAX_LISTED", 5)
    bucket.put_all({f"{n:02}": "x" for n in range(12)})
    storage = place.add(**BLOBS)

    run = try_out(place, storage)

    assert run.counts["new"] == 12
    assert [key for _, key in listed(place, run)] == ["00", "01", "02", "03", "04"]
    first = dry_runs.list_run_objects(place.app, place.owner, run.id, limit=2)
    rest = listed(place, run, after=first[-1].id, category="new")
    assert [key for _, key in rest] == ["02", "03", "04"]


def test_it_goes_on_beside_a_sync(place, bucket):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)

    dry = dry_runs.request_dry_run(place.app, place.owner, storage.id)
    again = dry_runs.request_dry_run(place.app, place.owner, storage.id)
    run = place.sync(storage)

    assert dry.id == again.id != run.id
    assert run.counts["created"] == 1
    assert run_until_done(place.app, dry.id, owner="test").counts["existed"] == 1


def test_who_may_not_sync_may_not_try(place, bucket, people):
    bucket.put("a", "x")
    storage = place.add(**BLOBS)
    run = try_out(place, storage)

    with pytest.raises(NotAllowed):
        dry_runs.request_dry_run(place.app, people.stranger, storage.id)
    with pytest.raises(NotAllowed):
        dry_runs.list_run_objects(place.app, people.stranger, run.id)


def test_what_cannot_be_answered_is_refused(place, bucket):
    bucket.put("a", "x")
    run = try_out(place, place.add(**BLOBS))

    with pytest.raises(InvalidInput, match="no category 'old'"):
        dry_runs.list_run_objects(place.app, place.owner, run.id, category="old")
    with pytest.raises(InvalidInput, match="Only the sync of an import"):
        dry_runs.request_dry_run(place.app, place.owner, place.add_export().id)
