"""What notifications name while a walk goes on: looked at between its pages."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import replace

import pytest
from sqlmodel import select, update

from labeldock.contract.errors import AccessDenied, Unavailable
from labeldock.db.messages import InboxEntry
from labeldock.db.tables import Run
from labeldock.db.types import database_now
from labeldock.services import dry_runs, leases, parts
from labeldock.services.events import inbox
from labeldock.services.events.envelopes import parse_notice
from labeldock.services.importing import sharing
from labeldock.services.working import run_until_done, work_slice
from labeldock.testing.plugins import build_catalog
from tests.core.concurrency import run_at_once
from tests.core.conftest import BUCKET, MemoryBucket
from tests.core.importing.conftest import Ledger, tell
from tests.core.importing.test_unordered import BackwardProvider
from tests.core.scripted import FailAt, ScriptedProvider

PROMPT = {"event_delay": 0.0, "page_size": 4}
KEYS = [f"{number:02}" for number in range(20)]


def notify(place, storage, *keys):
    body = json.dumps({"keys": list(keys)}).encode()
    inbox.accept_notice(place.app, storage.id, parse_notice(body))


def list_waiting(place):
    with place.app.database.read() as session:
        return sorted(session.exec(select(InboxEntry.key)))


def keys_of(place):
    return [key for key, *_ in Ledger(place.app).links()]


def at_call(provider, operation, number, act):
    """Do something before a certain call, counted from 1."""
    calls = Counter()

    def before(request):
        calls[operation] += 1
        if calls[operation] == number:
            act(request)

    provider.before[operation] = before


@pytest.fixture
def place(open_app, installation, build_workplace):
    return build_workplace(open_app(installation, **PROMPT))


@pytest.fixture
def lite(open_app, sqlite_installation, build_workplace):
    return build_workplace(open_app(sqlite_installation, **PROMPT))


def test_a_named_object_is_imported_long_before_the_walk_is_there(
    place, provider, bucket
):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = place.add(use_blob_urls=True)
    seen = []

    def name_the_last(_):
        notify(place, storage, "19")

    def see(request):
        if provider.calls["list_objects"] == 3:
            seen.extend(keys_of(place))

    at_call(provider, "list_objects", 1, name_the_last)
    run_id = place.request(storage)
    provider.calls.clear()
    before = provider.before["list_objects"]
    provider.before["list_objects"] = lambda request: (before(request), see(request))
    run = run_until_done(place.app, run_id, owner="test")

    assert seen == [*KEYS[:8], "19"]
    assert keys_of(place) == KEYS
    counts = {"seen": 20, "new": 20, "created": 20, "existed": 1, "named": 1}
    assert tell(run) == counts
    assert list_waiting(place) == []


def test_an_object_made_behind_a_walk_is_imported_by_the_same_run(
    place, provider, bucket
):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = place.add(use_blob_urls=True)

    def make_the_first(_):
        bucket.put("00a", "x")
        notify(place, storage, "00a")

    at_call(provider, "list_objects", 3, make_the_first)
    run = place.sync(storage)

    assert keys_of(place) == sorted([*KEYS, "00a"])
    assert tell(run) == {"seen": 20, "new": 21, "created": 21, "named": 1}
    assert list_waiting(place) == []


def test_what_a_walk_has_listed_already_is_not_doubled(place, provider, bucket):
    bucket.put_all({key: f'[{{"n": "{key}"}}, {{"n": 2}}]' for key in KEYS})
    storage = place.add()

    def name_all(_):
        notify(place, storage, *KEYS)
        notify(place, storage, *reversed(KEYS))

    at_call(provider, "list_objects", 3, name_all)
    run = place.sync(storage)

    assert tell(run) == {
        "seen": 20, "new": 20, "created": 40, "named": 20, "existed": 2 * 8,
    }  # fmt: skip
    assert Counter(keys_of(place)) == dict.fromkeys(KEYS, 2)


@pytest.mark.parametrize("policy", ["report", "update", "flag"])
@pytest.mark.parametrize("where", ["01", "19"], ids=["behind", "ahead"])
def test_a_change_is_counted_once(lite, provider, bucket, policy, where):
    bucket.put_all(dict.fromkeys(KEYS, '{"n": 1}'))
    storage = lite.add(on_change=policy)
    lite.sync(storage)
    bucket.put(where, '{"n": 2}')

    at_call(provider, "list_objects", 3, lambda _: notify(lite, storage, where))
    run = lite.sync(storage)

    is_updated = policy == "update"
    changes = {"changed": 1, "updated": 1} if is_updated else {"changed": 1}
    assert tell(run) == {"seen": 20, "existed": 20, "named": 1, **changes}
    assert len(keys_of(lite)) == 20


def test_what_vanishes_and_returns_beside_a_walk_is_counted_once(
    place, provider, bucket
):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = place.add(use_blob_urls=True)
    place.sync(storage)

    def change(_):
        bucket.remove("00", "18")
        notify(place, storage, "00", "18", "never-was")

    at_call(provider, "list_objects", 3, change)
    gone = place.sync(storage)

    def undo(_):
        bucket.put_all({"00": "x", "18": "x"})
        notify(place, storage, "00", "18")

    at_call(provider, "list_objects", 3, undo)
    back = place.sync(storage)

    assert tell(gone)["vanished"] == 2
    assert tell(back)["returned"] == 2
    assert all(exists for *_, exists in Ledger(place.app).links())


def test_a_listing_older_than_a_notification_does_not_undo_it(lite, provider, bucket):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = lite.add(use_blob_urls=True)
    stale = []

    def list_without(page):  # as a folder whose names were read before
        kept = tuple(info for info in page.objects if info.key not in stale)
        return replace(page, objects=kept)

    provider.after["list_objects"] = list_without

    def make(_):
        bucket.put("15a", "x")
        stale.append("15a")
        notify(lite, storage, "15a")

    at_call(provider, "list_objects", 2, make)
    run = lite.sync(storage)

    assert "vanished" not in tell(run)
    assert ("15a", -1, "linked", True) in Ledger(lite.app).links()


@pytest.mark.parametrize("where", ["00a.json", "19a.json"], ids=["behind", "ahead"])
def test_a_file_that_cannot_be_imported_is_told_once(lite, provider, bucket, where):
    bucket.put_all({f"{key}.json": '{"n": 1}' for key in KEYS})
    storage = lite.add()

    def break_one(_):
        bucket.put(where, "[{")
        notify(lite, storage, where)

    def name_again(_):
        notify(lite, storage, where)

    at_call(provider, "list_objects", 3, break_one)
    first = provider.before["list_objects"]
    at_call(provider, "list_objects", 4, name_again)
    second = provider.before["list_objects"]
    provider.before["list_objects"] = lambda request: (first(request), second(request))
    run = lite.sync(storage)

    assert run.state == "completed_with_errors"
    assert tell(run)["failed"] == 1
    assert [error.key for error in lite.errors(run)] == [where]
    assert tell(run)["created"] == 20


def test_a_dry_run_leaves_the_inbox_alone(lite, bucket):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = lite.add(use_blob_urls=True)
    walk = lite.request(storage)
    notify(lite, storage, "19")  # no run of its own while a walk is queued
    view = dry_runs.request_dry_run(lite.app, lite.owner, storage.id)
    run = run_until_done(lite.app, view.id, owner="test")

    assert run.kind == "dry_run"
    assert "named" not in run.counts
    assert list_waiting(lite) == ["19"]
    assert tell(run_until_done(lite.app, walk, owner="test"))["named"] == 1


def test_the_walk_goes_on_where_named_objects_cannot_be_looked_up(
    lite, provider, bucket
):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = lite.add(use_blob_urls=True)
    fault = provider.before["get_data"] = FailAt(Unavailable("Away."))
    at_call(provider, "list_objects", 2, lambda _: notify(lite, storage, "19"))
    run = lite.sync(storage)

    assert fault.fired
    assert run.state == "completed"
    assert tell(run) == {"seen": 20, "new": 20, "created": 20}
    assert list_waiting(lite) == ["19"]


def test_a_walk_that_gets_nowhere_fails_however_much_is_named(
    open_app, sqlite_installation, build_workplace, provider, bucket, monkeypatch
):
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)
    app = open_app(sqlite_installation, **PROMPT, max_attempts=3)
    place = build_workplace(app)
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = place.add(use_blob_urls=True)
    names = iter(KEYS)

    def refuse(_):
        notify(place, storage, next(names))
        raise Unavailable("Away.")

    run_id = place.request(storage)
    provider.before["list_objects"] = refuse
    run = run_until_done(app, run_id, owner="test")

    assert run.state == "failed"
    assert run.counts["named"] == 2
    assert keys_of(place) == ["00", "01"]


def test_a_named_object_that_may_not_be_read_is_told(lite, provider, bucket):
    bucket.put_all(dict.fromkeys(KEYS, "x"))
    storage = lite.add(use_blob_urls=True)

    def refuse(request):
        raise AccessDenied("No.", key=request.key)

    provider.before["get_data"] = refuse
    at_call(provider, "list_objects", 4, lambda _: notify(lite, storage, "00"))
    run = lite.sync(storage)

    assert [error.key for error in lite.errors(run)] == ["00"]
    assert tell(run) == {"seen": 20, "new": 20, "created": 20, "failed": 1}


# Parts


@pytest.fixture
def shared(open_app, installation, build_workplace, monkeypatch):
    monkeypatch.setattr(sharing, "SMALLEST_PART", 2)
    monkeypatch.setattr(leases, "BACKOFF_SECONDS", 0.005)
    values = {**PROMPT, "page_size": 8, "partitioning": "always", "part_size": 3}
    return build_workplace(open_app(installation, **values))


def list_bucket(place, run_id):
    """Let somebody list the bucket, and nobody do the parts."""
    while (lease := leases.claim_run(place.app, "lister", run_id)) is not None:
        work_slice(place.app, lease)


def go_on(place, run_id):
    """One slice of whoever holds the run, when it waits for its parts."""
    with place.app.database.write() as session:
        session.execute(update(Run).values(due_at=database_now()))
    lease = leases.claim_run(place.app, "lister", run_id)
    work_slice(place.app, lease)


def test_a_key_in_a_part_that_nobody_works_on_is_imported_at_once(shared, bucket):
    bucket.put_all({f"{key}.json": '{"n": 1}' for key in KEYS})
    storage = shared.add()
    run_id = shared.request(storage)
    list_bucket(shared, run_id)
    assert keys_of(shared) == []

    notify(shared, storage, "07.json", "19.json")
    go_on(shared, run_id)
    assert keys_of(shared) == ["07.json", "19.json"]
    run = run_until_done(shared.app, run_id, owner="test")

    assert tell(run) == {
        "seen": 20, "new": 20, "created": 20, "existed": 2, "named": 2,
    }  # fmt: skip
    assert len(keys_of(shared)) == 20


def test_a_key_in_a_part_that_somebody_works_on_waits_for_it(shared, bucket):
    bucket.put_all({f"{key}.json": '{"n": 1}' for key in KEYS})
    storage = shared.add()
    run_id = shared.request(storage)
    list_bucket(shared, run_id)
    lease = parts.claim_part(shared.app, "worker", run_id)
    inside = KEYS[0] + ".json"

    notify(shared, storage, inside, "19.json")
    go_on(shared, run_id)
    assert keys_of(shared) == ["19.json"]
    assert list_waiting(shared) == [inside]
    work_slice(shared.app, lease)
    run = run_until_done(shared.app, run_id, owner="test")

    assert tell(run)["new"] == 20
    assert len(keys_of(shared)) == 20


def test_a_part_that_is_claimed_during_a_look_keeps_its_keys(shared, provider, bucket):
    bucket.put_all({f"{key}.json": '{"n": 1}' for key in KEYS})
    storage = shared.add()
    run_id = shared.request(storage)
    list_bucket(shared, run_id)
    notify(shared, storage, "00.json")
    claimed = []

    def claim(request):
        if request.metadata_only and not claimed:
            claimed.append(parts.claim_part(shared.app, "quick", run_id))

    provider.before["get_data"] = claim
    go_on(shared, run_id)

    assert keys_of(shared) == []
    assert list_waiting(shared) == ["00.json"]
    work_slice(shared.app, claimed[0])
    run = run_until_done(shared.app, run_id, owner="test")
    assert tell(run)["new"] == 20
    assert len(keys_of(shared)) == 20


def test_several_workers_and_a_stream_of_notifications_double_nothing(
    shared, provider, bucket
):
    names = [f"{number:03}.json" for number in range(60)]
    bucket.put_all(dict.fromkeys(names, '[{"n": 1}, {"n": 2}]'))
    storage = shared.add()
    run_id = shared.request(storage)
    seeded = random.Random(11)
    ended = threading.Event()

    def name_some():
        while not ended.is_set():
            notify(shared, storage, *seeded.sample(names, 5))
            ended.wait(0.01)

    def work():
        run_until_done(shared.app, run_id, owner="w")
        ended.set()

    run_at_once(name_some, work, work, work)
    run = shared.run(run_id)

    assert run.state == "completed"
    assert Counter(keys_of(shared)) == dict.fromkeys(names, 2)
    assert tell(run)["created"] == 120
    assert tell(run)["new"] == 60
    assert run.counts["named"] > 0


# At random


def build_body(seeded, kind):
    rows = [{"n": seeded.random()} for _ in range(seeded.choice([1, 2]))]
    return "x" if kind == "blobs" else json.dumps(rows)


class Restless:
    """A bucket that changes while it is walked, and says so more or less well."""

    def __init__(self, place, bucket, storage, seeded, kind):
        self._place, self._bucket, self._storage = place, bucket, storage
        self._random, self._kind = seeded, kind
        self.deaf = False

    def __call__(self, _request):
        if self.deaf:
            return
        named = [self._change() for _ in range(self._random.randint(0, 3))]
        self._random.shuffle(named)
        for key in (*named, *named[:1]):  # the first one twice
            notify(self._place, self._storage, key)

    def _change(self):
        key = f"{self._random.randint(0, 40):02}"
        is_there = key in set(self._bucket.keys())
        if is_there and self._random.random() < 0.4:
            self._bucket.remove(key)
        elif self._kind == "blobs" or not is_there:
            self._bucket.put(key, build_body(self._random, self._kind))
        return key


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["blobs", "files"])
@pytest.mark.parametrize("order", ["ordered", "unordered"])
def test_a_bucket_that_changes_while_it_is_walked_is_told_as_it_is(
    open_app, sqlite_installation, build_workplace, seed, kind, order
):
    provider = ScriptedProvider() if order == "ordered" else BackwardProvider()
    provider.create_bucket(BUCKET)
    app = open_app(
        sqlite_installation, catalog=build_catalog(provider), **PROMPT, slice_pages=3
    )
    place, bucket = build_workplace(app), MemoryBucket(provider)
    seeded = random.Random(f"{seed} {kind} {order}")
    bucket.put_all({key: build_body(seeded, kind) for key in KEYS})
    storage = place.add(use_blob_urls=kind == "blobs", on_change="update")
    restless = provider.before["list_objects"] = Restless(
        place, bucket, storage, seeded, kind
    )

    created = tell(place.sync(storage))["created"]
    created += tell(place.sync(storage)).get("created", 0)
    restless.deaf = True
    if order == "unordered":  # what its cursor, a number, has skipped returns
        place.sync(storage)
    while list_waiting(place):
        place.sync(storage)
    links = Ledger(app).links()
    final = place.sync(storage)

    there = {key for key, *_, exists in links if exists}
    assert there == set(bucket.keys())
    places = [(key, row) for key, row, *_ in links]
    assert len(places) == len(set(places))
    assert set(tell(final)) <= {"seen", "existed"}
    assert created <= len(links)
