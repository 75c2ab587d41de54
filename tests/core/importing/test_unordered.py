"""Providers whose listing is in another order than that of the keys."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from labeldock.contract import (
    Capabilities,
    CursorExpired,
    ObjectPage,
    Unavailable,
    hookimpl,
)
from labeldock.services import leases, storages
from labeldock.services.importing import stretches, sweep
from labeldock.services.importing.source import load_source
from labeldock.services.working import work_slice
from tests.core.conftest import BUCKET
from tests.core.scripted import FailAt, ScriptedProvider

UNORDERED = Capabilities(ordered=False, seekable=False)
BLOBS = {"use_blob_urls": True, "recursive_scan": True}


class BackwardProvider(ScriptedProvider):
    """Lists from the last key to the first; its cursor is a number."""

    def __init__(self):
        super().__init__()
        self.circles, self.refuses = False, 0

    @hookimpl
    def describe(self):
        return replace(super().describe(), capabilities=UNORDERED)

    @hookimpl
    def list_objects(self, storage, query):
        assert query.after_key is None
        whole = replace(query, cursor=None, limit=100_000)
        objects = super().list_objects(storage, whole).objects[::-1]
        start = int(query.cursor or 0)
        if start == 999 or (query.cursor and self.refuses > 0):
            self.refuses -= 1
            raise CursorExpired("a number of another day")
        end = start + query.limit
        cursor = str(end) if end < len(objects) else None
        if self.circles:
            cursor = str(end % len(objects))
        return ObjectPage(objects[start:end], cursor=cursor)


@pytest.fixture
def provider():
    """In the place of the ordered one, so that everything else is as elsewhere."""
    provider = BackwardProvider()
    provider.create_bucket(BUCKET)
    return provider


@pytest.fixture
def place(open_app, installation, build_workplace):
    return build_workplace(open_app(installation, page_size=4))


def fill(bucket, keys, body="x"):
    for key in keys:
        bucket.put(key, body)


def test_every_object_becomes_one_task_and_stays_one(place, bucket, build_ledger):
    keys = [f"{number:02}" for number in range(11)]
    fill(bucket, keys)
    storage = place.add(**BLOBS)

    first, second = place.sync(storage), place.sync(storage)

    assert sorted(build_ledger(place.app).keys()) == keys
    assert (first.state, first.counts["created"]) == ("completed", 11)
    assert (second.counts["existed"], second.counts["created"]) == (11, 0)
    assert second.counts["vanished"] == 0


def test_new_and_changed_objects_are_noticed(place, bucket):
    fill(bucket, [f"{number:02}" for number in range(9)])
    storage = place.add(**BLOBS)
    place.sync(storage)
    fill(bucket, ["04", "99"], body="other")

    run = place.sync(storage)

    assert (run.counts["created"], run.counts["changed"]) == (1, 1)


def test_a_page_committed_in_parts_is_imported_once(
    place, bucket, build_ledger, monkeypatch
):
    monkeypatch.setattr(stretches, "MAX_TASKS", 2)
    rows = [{"file": file, "row": row} for file in range(9) for row in range(3)]
    for file in range(9):
        body = json.dumps([row for row in rows if row["file"] == file])
        bucket.put(f"{file}.json", body)
    storage = place.add(recursive_scan=True)

    run = place.sync(storage)

    data = build_ledger(place.app).data()
    assert sorted(data, key=lambda row: (row["file"], row["row"])) == rows
    assert run.counts["created"] == len(rows)


def test_an_expired_cursor_begins_the_listing_anew(place, bucket, build_ledger):
    keys = [f"{number:02}" for number in range(9)]
    fill(bucket, keys)
    storage = place.add(**BLOBS)
    lease = leases.claim_run(place.app, "somebody", place.request(storage))
    scope = load_source(place.app, storage.id).scope
    lease.checkpoint = {"scope": scope, "cursor": "999"}

    work_slice(place.app, lease)

    assert sorted(build_ledger(place.app).keys()) == keys


def marks_of(ledger):
    return {key: exists for key, _, _, exists in ledger.links()}


def test_what_vanished_is_seen_at_the_end_and_so_is_its_return(
    place, bucket, build_ledger, monkeypatch
):
    monkeypatch.setattr(sweep, "PAGE", 2)
    keys = [f"{number:02}" for number in range(11)]
    fill(bucket, keys)
    storage, ledger = place.add(**BLOBS), build_ledger(place.app)
    place.sync(storage)
    gone = {"00", "03", "04", "05", "10"}
    bucket.remove(*gone)

    first, second = place.sync(storage), place.sync(storage)

    assert (first.counts["vanished"], second.counts["vanished"]) == (5, 0)
    assert marks_of(ledger) == {key: key not in gone for key in keys}

    fill(bucket, ["03"])
    assert place.sync(storage).counts["returned"] == 1
    assert marks_of(ledger)["03"]


def test_what_is_filtered_out_or_not_looked_at_has_not_vanished(
    place, bucket, build_ledger
):
    fill(bucket, ["a/1", "a/2", "b/1", "b/2"])
    storage = place.add(**BLOBS)
    place.sync(storage)
    change = partial(
        storages.update_storage, place.app, place.owner, storage.id, storage.purpose
    )

    change({"regex_filter": ".*1"})
    assert place.sync(storage).counts["vanished"] == 0
    change({"regex_filter": None, "prefix": "b"})
    bucket.remove("a/1", "b/1")
    assert place.sync(storage).counts["vanished"] == 1

    assert marks_of(build_ledger(place.app)) == {
        "a/1": True, "a/2": True, "b/1": False, "b/2": True,
    }  # fmt: skip


def test_a_sweep_that_was_interrupted_goes_on(place, bucket, monkeypatch):
    monkeypatch.setattr(sweep, "PAGE", 2)
    keys = [f"{number:02}" for number in range(12)]
    fill(bucket, keys)
    storage = place.add(**BLOBS)
    place.sync(storage)
    bucket.remove(*keys[:9])
    fault = FailAt(Unavailable("down"), 3)
    commit = sweep.commit_batch

    def fail(*args, **kwargs):
        fault(None)
        return commit(*args, **kwargs)

    monkeypatch.setattr(sweep, "commit_batch", fail)
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)

    run = place.sync(storage)

    assert (run.state, fault.fired) == ("completed", 1)
    assert run.counts["vanished"] == 9


def test_a_listing_that_goes_in_circles_ends_the_run(
    place, provider, bucket, build_ledger
):
    keys = [f"{number:02}" for number in range(10)]
    fill(bucket, keys)
    storage = place.add(**BLOBS)
    provider.circles = True

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", "unusable_listing")
    assert "same page again and again" in run.problem["message"]
    assert sorted(build_ledger(place.app).keys()) == keys


def test_a_listing_that_must_begin_anew_again_and_again_ends_the_run(
    place, provider, bucket, build_ledger
):
    fill(bucket, [f"{number:02}" for number in range(9)])
    storage = place.add(**BLOBS)
    provider.refuses = 1000

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", "unusable_listing")
    assert "refused its own cursor 6 times" in run.problem["message"]
    assert len(build_ledger(place.app).keys()) == 4


def test_a_listing_that_had_to_begin_anew_is_complete_in_the_end(
    place, provider, bucket, build_ledger
):
    keys = [f"{number:02}" for number in range(9)]
    fill(bucket, keys)
    storage = place.add(**BLOBS)
    provider.refuses = 3

    run = place.sync(storage)

    assert run.state == "completed"
    assert (run.counts["created"], run.counts["vanished"]) == (9, 0)
    assert sorted(build_ledger(place.app).keys()) == keys
