"""Listings that repeat themselves, never end, or refuse to go on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from labeldock.contract import CursorExpired, ListQuery, ObjectNotFound, ObjectPage
from labeldock.services import leases
from labeldock.services.importing import listing
from labeldock.testing.memory_bucket import Bucket
from tests.core.importing.conftest import tell

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)


@pytest.fixture
def place(open_app, sqlite_installation, build_workplace):
    return build_workplace(open_app(sqlite_installation, page_size=4))


@pytest.fixture
def ledger(place, build_ledger):
    return build_ledger(place.app)


def fill(bucket, count):
    keys = [f"{number:03}" for number in range(count)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    return keys


def test_a_page_that_is_given_twice_is_imported_once(place, provider, bucket, ledger):
    keys = fill(bucket, 14)
    storage = place.add(**BLOBS)
    pages = []

    def repeat(page):
        pages.append(page)
        return pages[1] if len(pages) == 3 else page

    provider.after["list_objects"] = repeat

    run = place.sync(storage)

    assert ledger.keys() == keys
    assert run.state == "completed_with_errors"
    assert tell(run) == {"seen": 14, "new": 14, "created": 14, "failed": 1}
    assert [e.code for e in place.errors(run)] == ["listing_repeated"]


def test_pages_that_overlap_are_imported_once(place, provider, bucket, ledger):
    keys = fill(bucket, 14)
    storage = place.add(**BLOBS)
    last = []

    def overlap(page):
        objects = (*last, *page.objects)[:4]
        last[:] = objects[-1:]
        is_all = objects[-1].key == keys[-1]
        cursor = None if is_all else objects[-1].key + "\0"
        return replace(page, objects=objects, cursor=cursor)

    provider.after["list_objects"] = overlap

    run = place.sync(storage)

    assert ledger.keys() == keys
    assert run.counts["created"] == run.counts["seen"] == 14


def test_a_server_that_repeats_whatever_it_is_asked_ends_the_run(
    place, provider, bucket, ledger
):
    keys = fill(bucket, 14)
    storage = place.add(**BLOBS)
    first = []

    def stuck(page):
        first.append(page)
        return replace(first[0], cursor=str(len(first)))

    provider.after["list_objects"] = stuck

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", "contract_violation")
    assert "at or before after_key" in run.problem["message"]
    assert ledger.keys() == keys[:4]


def test_empty_pages_without_end_end_the_run(place, provider, bucket, monkeypatch):
    monkeypatch.setattr(listing, "MAX_EMPTY_PAGES", 20)
    fill(bucket, 3)
    storage = place.add(**BLOBS)
    cursors = map(str, itertools.count())
    provider.after["list_objects"] = lambda _: ObjectPage((), cursor=next(cursors))

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", "unusable_listing")
    assert "20 pages in a row with nothing" in run.problem["message"]


def test_a_listing_that_makes_up_keys_for_ever_ends_at_the_limit(
    open_app, sqlite_installation, build_workplace, provider, bucket, build_ledger
):
    app = open_app(sqlite_installation, page_size=4, listing_max_objects=50)
    place = build_workplace(app)
    fill(bucket, 3)
    storage = place.add(**BLOBS)
    numbers = itertools.count()
    template = Bucket.list_page(provider._buckets["media"], ListQuery()).objects[0]

    def make_up(_):
        found = [
            template._replace(key=f"{next(numbers):09}", etag="x") for _ in range(4)
        ]
        return ObjectPage(tuple(found), cursor=found[-1].key + "\0")

    provider.after["list_objects"] = make_up

    run = place.sync(storage)

    assert (run.state, run.problem["code"]) == ("failed", "unusable_listing")
    assert "LABELDOCK_LISTING_MAX_OBJECTS" in run.problem["remedy"]
    assert len(build_ledger(app).keys()) == 48


def test_objects_that_vanish_before_they_are_read_are_told_one_by_one(
    place, provider, bucket, ledger
):
    bucket.put_all({f"{n}.json": f'{{"n": {n}}}' for n in range(9)})
    storage = place.add()

    def vanish(request):
        if request.key in {"3.json", "7.json"}:
            raise ObjectNotFound("It is gone.", key=request.key)

    provider.before["get_data"] = vanish

    run = place.sync(storage)

    assert run.state == "completed_with_errors"
    assert [row["n"] for row in ledger.data()] == [0, 1, 2, 4, 5, 6, 8]
    assert [(e.key, e.code) for e in place.errors(run)] == [
        ("3.json", "object_not_found"),
        ("7.json", "object_not_found"),
    ]


def test_a_cursor_that_is_refused_is_replaced_by_the_key(
    place, provider, bucket, ledger
):
    keys = fill(bucket, 14)
    storage = place.add(**BLOBS)

    def refuse(query):
        if query.cursor is not None:
            raise CursorExpired("Never heard of it.")

    provider.before["list_objects"] = refuse

    run = place.sync(storage)

    assert (run.state, ledger.keys()) == ("completed", keys)


def test_a_prefix_ends_at_a_folder(place, bucket, ledger):
    bucket.put_all(dict.fromkeys(["imag/1", "imag2/2", "images/3", "images"], "x"))

    place.sync(place.add(prefix="imag", **BLOBS))
    assert ledger.keys() == ["imag/1"]

    place.sync(place.add(prefix="imag", literal_prefix=True, **BLOBS))
    assert sorted(ledger.keys()) == [
        "imag/1",
        "imag/1",
        "imag2/2",
        "images",
        "images/3",
    ]


def test_a_pattern_made_to_explode_takes_no_time(place, bucket, ledger):
    bucket.put_all({"a" * 1000: "x", "a" * 999 + "!": "x", "aab": "x"})

    run = place.sync(place.add(regex_filter="(a*)*(a*)*(a|aa)+b$", **BLOBS))

    assert tell(run) == {"seen": 3, "filtered": 2, "new": 1, "created": 1}
    assert ledger.keys() == ["aab"]
