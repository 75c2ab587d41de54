"""Workers send webhooks, fire schedules and drain inboxes, each once, by themselves."""

from __future__ import annotations

import time

import pytest
from sqlmodel import select, update

from labeldock.db.messages import InboxEntry
from labeldock.db.tables import Storage
from labeldock.db.types import database_now
from labeldock.services import runs
from labeldock.services.events import inbox
from labeldock.services.events.envelopes import parse_notice
from labeldock.services.webhooks import registry
from tests.core.concurrency import wait_until
from tests.servers.receiver import run_receiver
from tests.system.worker_places import House, has_ended

BLOBS = {"use_blob_urls": True, "recursive_scan": True}
HERE = {"egress_private": True}  # where the receiver is


@pytest.fixture(params=["embedded", "hosted"])
def house(request, tmp_path):
    urls = ("", "")
    if request.param == "hosted":
        urls = tuple(map(request.getfixturevalue, ("postgres_url", "redis_url")))
    with House(tmp_path / "home", *urls) as house:
        house.bucket.put_all({f"{n:02}": "x" for n in range(6)})
        yield house


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture
def place(house):
    """A place beside which two workers are at work, as in two processes."""
    app, broker = house.open_with_broker(event_delay=0.0, **HERE)
    place = house.settle(app)
    house.work(app, broker)
    house.work(*house.open_with_broker(event_delay=0.0, **HERE))
    return place


def listen(place, receiver, **values):
    values = {"url": receiver.url, **values}
    return registry.add_webhook(place.app, place.owner, place.project, values)[0]


def test_a_sync_is_told_of_once_by_two_workers(place, receiver):
    listen(place, receiver)

    run_id = place.request(place.add(**BLOBS))
    wait_until(lambda: len(receiver.actions) >= 3)  # in any order
    wait_until(has_ended(place, run_id))

    assert sorted(receiver.actions) == ["RUN_FINISHED", "RUN_STARTED", "TASKS_CREATED"]
    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(set(ids)) == 3


def test_a_receiver_that_hangs_does_not_hold_up_a_run(house, receiver):
    app, broker = house.open_with_broker(worker_threads=1, webhook_timeout=2.0, **HERE)
    place = house.settle(app)
    receiver.delay = 60.0
    for _ in range(app.settings.webhook_threads + 1):
        listen(place, receiver)
    house.work(app, broker)

    storage = place.add(**BLOBS)
    ended = []
    for _ in range(3):
        run_id = place.request(storage)
        wait_until(has_ended(place, run_id))
        ended.append(place.run(run_id).state)

    assert ended == ["completed"] * 3
    wait_until(lambda: receiver.received)
    receiver.ended.set()


def test_a_worker_ends_in_time_though_a_receiver_hangs(house, receiver):
    app, broker = house.open_with_broker(webhook_timeout=5.0, **HERE)
    place = house.settle(app)
    listen(place, receiver)
    receiver.delay = 60.0
    worker = house.work(app, broker)
    place.request(place.add(**BLOBS))
    wait_until(lambda: receiver.received)

    began = time.monotonic()
    worker.stop(4)
    took = time.monotonic() - began

    receiver.ended.set()
    assert took < 20  # far from the minute of the receiver


def test_a_storage_that_is_due_is_synced_once(place):
    storage = place.add(**BLOBS, schedule="@hourly")
    with place.app.database.write() as session:
        session.execute(update(Storage).values(next_run_at=database_now(-3600)))

    wait_until(lambda: place.show(storage).status == "completed")

    found = runs.list_runs(place.app, place.owner, place.project)
    assert [run.trigger for run in found] == ["schedule"]
    assert place.show(storage).run.counts["created"] == 6


def test_notifications_are_drained_though_a_walk_was_on(place):
    storage = place.add(**BLOBS)
    place.request(storage)
    for n in range(6):
        body = b'{"keys": ["%02d"]}' % n
        inbox.accept_notice(place.app, storage.id, parse_notice(body))

    def is_drained():
        with place.app.database.read() as session:
            return session.exec(select(InboxEntry.id)).first() is None

    wait_until(is_drained)
    wait_until(lambda: place.show(storage).status == "completed")
    found = runs.list_runs(place.app, place.owner, place.project)
    assert sum(run.counts["created"] for run in found) == 6
