"""From a notification to tasks: the named objects, once, in any order."""

from __future__ import annotations

import json
import random
import threading

import pytest
from sqlmodel import select

from labeldock.contract.errors import AccessDenied, NotFound, Unavailable
from labeldock.db.messages import InboxEntry
from labeldock.db.tables import ImportLink
from labeldock.services import leases, runs, storages
from labeldock.services.events import inbox, requests
from labeldock.services.events.envelopes import parse_notice
from labeldock.services.working import run_until_done, work_slice
from tests.core.scripted import FailAt


def notify(app, storage, *keys, bucket="media"):
    body = json.dumps({"bucket": bucket, "keys": list(keys)}).encode()
    return inbox.accept_notice(app, storage.id, parse_notice(body))


def drain(place, storage):
    return run_until_done(place.app, place.show(storage).run.id, owner="test")


def list_waiting(app):
    with app.database.read() as session:
        return sorted(session.exec(select(InboxEntry.key)))


def list_links(app):
    with app.database.read() as session:
        rows = session.exec(select(ImportLink)).all()
    return sorted((row.key, row.state, row.object_exists) for row in rows)


@pytest.fixture
def quick(open_app, installation, build_workplace):
    """A place where notifications are looked at at once."""
    return build_workplace(open_app(installation, event_delay=0.0))


@pytest.fixture
def place(open_app, sqlite_installation, build_workplace):
    return build_workplace(open_app(sqlite_installation, event_delay=0.0))


def test_just_the_named_objects_are_imported(quick, bucket, provider):
    bucket.put_all({"a.jpg": "x", "b.jpg": "x", "c.jpg": "x"})
    storage = quick.add(use_blob_urls=True)
    provider.calls.clear()

    assert notify(quick.app, storage, "b.jpg", "c.jpg").accepted == 2
    run = drain(quick, storage)

    assert (run.trigger, run.state, run.counts["created"]) == ("event", "completed", 2)
    assert [key for key, *_ in list_links(quick.app)] == ["b.jpg", "c.jpg"]
    assert list_waiting(quick.app) == []
    assert provider.calls["list_objects"] == 0


def test_order_and_repetition_do_not_matter(quick, bucket):
    keys = [f"{n:02}" for n in range(20)]
    bucket.put("start", "x")
    storage = quick.add(use_blob_urls=True)
    seeded = random.Random(4)
    for key in seeded.sample(keys * 3, 60):
        bucket.put(key, "x")
        notify(quick.app, storage, key)
        if seeded.random() < 0.1:
            drain(quick, storage)
    drain(quick, storage)
    for key in keys:
        notify(quick.app, storage, key)
    run = drain(quick, storage)

    assert [key for key, *_ in list_links(quick.app)] == keys
    assert (run.counts["created"], run.counts["existed"]) == (0, 20)


def test_an_object_that_is_gone_is_marked_and_may_return(quick, bucket):
    bucket.put("a.jpg", "x")
    storage = quick.add(use_blob_urls=True)
    quick.sync(storage)

    bucket.remove("a.jpg")
    notify(quick.app, storage, "a.jpg", "never-was.jpg")
    assert drain(quick, storage).counts["vanished"] == 1
    assert list_links(quick.app) == [("a.jpg", "linked", False)]

    bucket.put("a.jpg", "x")
    notify(quick.app, storage, "a.jpg")
    drain(quick, storage)
    assert list_links(quick.app) == [("a.jpg", "linked", True)]


def test_files_of_tasks_are_read_and_a_bad_one_is_told(place, bucket):
    bucket.put_all({"good.json": '[{"n": 1}, {"n": 2}]', "bad.json": "[{"})
    bucket.put("start.json", '{"n": 0}')
    storage = place.add()

    notify(place.app, storage, "good.json", "bad.json")
    run = drain(place, storage)

    assert run.state == "completed_with_errors"
    assert run.counts["created"] == 2
    assert [error.key for error in place.errors(run)] == ["bad.json"]


def test_what_the_storage_does_not_look_at_is_left_out(place, bucket):
    keys = ["in/a.jpg", "in/a.txt", "in/sub/b.jpg", "out/c.jpg"]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = place.add(prefix="in", regex_filter=r".*\.jpg", use_blob_urls=True)

    notify(place.app, storage, *keys)
    drain(place, storage)

    assert [key for key, *_ in list_links(place.app)] == ["in/a.jpg"]
    assert list_waiting(place.app) == []


def test_other_buckets_and_unusable_names_are_ignored(place, bucket):
    bucket.put("start", "x")
    storage = place.add(use_blob_urls=True)

    assert notify(place.app, storage, "a", bucket="other").ignored == 1
    found = notify(place.app, storage, "a\0b", "folder/", "x" * 2000, "good", "good")

    assert (found.accepted, found.ignored) == (1, 4)
    assert list_waiting(place.app) == ["good"]


def test_notifications_share_a_run_and_need_none_beside_a_walk(place, bucket):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(use_blob_urls=True)
    walk = place.request(storage)

    notify(place.app, storage, "a")
    assert place.show(storage).run.id == walk
    assert requests.request_due_drains(place.app) == 0
    run_until_done(place.app, walk, owner="test")
    assert list_waiting(place.app) == []

    notify(place.app, storage, "a")
    notify(place.app, storage, "b")
    assert requests.request_due_drains(place.app) == 0
    assert drain(place, storage).counts["existed"] == 2
    assert len(runs.list_runs(place.app, place.owner, place.project)) == 2


@pytest.mark.parametrize("is_held", [False, True], ids=["queued", "worked on"])
def test_who_asks_for_a_sync_meanwhile_gets_a_whole_one(quick, bucket, is_held):
    bucket.put_all({"a": "x", "b": "x"})
    storage = quick.add(use_blob_urls=True)
    notify(quick.app, storage, "a")
    drain_id = quick.show(storage).run.id
    lease = leases.claim_run(quick.app, "drainer", drain_id) if is_held else None

    run_id = quick.request(storage)
    if lease is not None:
        work_slice(quick.app, lease)  # it has lost its lease, and writes nothing
        assert list_links(quick.app) == []
    run = run_until_done(quick.app, run_id, owner="test")

    assert run_id == drain_id
    assert (run.trigger, run.counts["created"]) == ("manual", 2)


def test_a_key_that_is_named_again_while_it_is_looked_at_stays(place, provider, bucket):
    bucket.put("a", "x")
    storage = place.add(use_blob_urls=True)
    notify(place.app, storage, "a")
    run_id = place.show(storage).run.id
    once = threading.Event()

    def name_again(_):
        if not once.is_set():
            once.set()
            notify(place.app, storage, "a")

    provider.before["get_data"] = name_again
    run = run_until_done(place.app, run_id, owner="test")

    assert provider.calls["get_data"] == 2
    assert (run.counts["created"], run.counts["existed"]) == (1, 1)
    assert list_waiting(place.app) == []


def test_an_object_that_may_not_be_read_is_told_and_the_others_imported(
    place, provider, bucket
):
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(use_blob_urls=True)
    notify(place.app, storage, "a", "b")

    def refuse(request):
        if request.key == "a":
            raise AccessDenied("No.", key="a")

    provider.before["get_data"] = refuse
    run = drain(place, storage)

    assert run.state == "completed_with_errors"
    assert [key for key, *_ in list_links(place.app)] == ["b"]


def test_a_bucket_that_is_away_is_not_asked_over_and_over(
    open_app, sqlite_installation, build_workplace, provider, bucket
):
    app = open_app(sqlite_installation, event_delay=0.0, max_attempts=1)
    place = build_workplace(app)
    bucket.put("start", "x")
    storage = place.add(use_blob_urls=True)
    fault = provider.before["get_data"] = FailAt(Unavailable("Away."))
    notify(app, storage, "a")

    assert drain(place, storage).state == "failed"
    notify(app, storage, "b")

    assert fault.fired
    assert requests.request_due_drains(app) == 0
    assert list_waiting(app) == ["a", "b"]  # kept, for the next run that is asked for


def test_a_storage_that_may_not_be_synced_keeps_what_comes(place, bucket):
    bucket.put("start", "x")
    storage = place.add(use_blob_urls=True, synchronizable=False)

    notify(place.app, storage, "a")

    assert place.show(storage).run is None
    assert requests.request_due_drains(place.app) == 0
    assert list_waiting(place.app) == ["a"]


def test_two_workers_drain_one_inbox_without_doubles(
    open_app, installation, build_workplace, bucket
):
    apps = [
        open_app(installation, event_delay=0.0, slice_seconds=0.001, page_size=7)
        for _ in range(2)
    ]
    place = build_workplace(apps[0])
    keys = [f"{n:03}" for n in range(60)]
    bucket.put_all(dict.fromkeys(keys, "x"))
    storage = place.add(use_blob_urls=True)
    for first in range(0, 60, 20):
        notify(place.app, storage, *keys[first : first + 20])
    run_id = place.show(storage).run.id

    threads = [
        threading.Thread(
            target=run_until_done, args=(app, run_id), kwargs={"owner": "test"}
        )
        for app in apps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert place.run(run_id).counts["created"] == 60
    assert [key for key, *_ in list_links(place.app)] == keys


def test_a_worker_that_dies_before_it_forgets_an_entry_doubles_nothing(
    place, bucket, monkeypatch
):
    bucket.put_all({"a": "x", "many.jsonl": '{"n": 1}\n{"n": 2}\n'})
    storage = place.add()
    notify(place.app, storage, "many.jsonl")
    run_id = place.show(storage).run.id
    lease = leases.claim_run(place.app, "dies", run_id)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "remove_entries", die)
        with pytest.raises(KeyboardInterrupt):
            work_slice(place.app, lease)
    leases.hand_back(place.app, lease)
    run = run_until_done(place.app, run_id, owner="test")

    assert (run.counts["created"], run.counts["existed"]) == (2, 2)
    assert len(list_links(place.app)) == 2
    assert list_waiting(place.app) == []


def test_a_full_inbox_asks_senders_to_come_again(place, bucket, monkeypatch):
    bucket.put("start", "x")
    storage = place.add(use_blob_urls=True)
    monkeypatch.setattr(inbox, "MAX_WAITING", 3)
    notify(place.app, storage, "a", "b", "c", "d")

    with pytest.raises(inbox.InboxFull):
        notify(place.app, storage, "e")


def test_a_storage_that_is_gone_takes_nothing(place, bucket):
    bucket.put("start", "x")
    storage = place.add(use_blob_urls=True)
    notify(place.app, storage, "a")
    storages.remove_storage(place.app, place.owner, storage.id, storage.purpose)

    assert list_waiting(place.app) == []
    with pytest.raises(NotFound):
        notify(place.app, storage, "a")
