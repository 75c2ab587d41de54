"""Providers whose listing is in another order than that of the keys."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from labeldock.contract import Capabilities, CursorExpired, ObjectPage, hookimpl
from labeldock.services import leases
from labeldock.services.importing import stretches
from labeldock.services.importing.source import load_source
from labeldock.services.working import work_slice
from tests.core.conftest import BUCKET
from tests.core.scripted import ScriptedProvider

UNORDERED = Capabilities(ordered=False, seekable=False)
BLOBS = {"use_blob_urls": True, "recursive_scan": True}


class BackwardProvider(ScriptedProvider):
    """Lists from the last key to the first; its cursor is a number."""

    @hookimpl
    def describe(self):
        return replace(super().describe(), capabilities=UNORDERED)

    @hookimpl
    def list_objects(self, storage, query):
        assert query.after_key is None
        whole = replace(query, cursor=None, limit=100_000)
        objects = super().list_objects(storage, whole).objects[::-1]
        start = int(query.cursor or 0)
        if start == 999:
            raise CursorExpired("a number of another day")
        end = start + query.limit
        cursor = str(end) if end < len(objects) else None
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
