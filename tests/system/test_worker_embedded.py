"""Broker and worker inside one process: the work is done without anybody's help."""

from __future__ import annotations

import threading
import time

import dramatiq
import pytest
from sqlmodel import col, select, update

from labeldock.db.tables import ImportLink, Run
from labeldock.db.types import database_now
from labeldock.jobs.worker import Worker
from labeldock.services import annotations, leases, tasks
from labeldock.services.context import SilentBell
from labeldock.services.exporting import outbox
from tests.core.concurrency import wait_until
from tests.system.worker_places import NO_POLL, House, has_ended

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture
def house(tmp_path):
    with House(tmp_path / "home", "") as house:
        house.bucket.put_all({f"{n:02}": "x" for n in range(12)})
        yield house


def count_links(app):
    with app.database.read() as session:
        return len(session.exec(select(ImportLink.id)).all())


def test_a_sync_that_is_asked_for_is_done(house):
    app, broker = house.open_with_broker(**NO_POLL)
    place = house.settle(app)
    house.work(app, broker)
    storage = place.add(**BLOBS)

    run_id = place.request(storage)
    wait_until(has_ended(place, run_id))

    run = place.run(run_id)
    assert (run.state, run.counts["created"]) == ("completed", 12)
    assert place.show(storage).status == "completed"


def test_slices_hand_the_run_back_and_ask_for_the_next(house):
    app, broker = house.open_with_broker(slice_pages=1, page_size=2, **NO_POLL)
    place = house.settle(app)
    house.work(app, broker)

    run_id = place.request(place.add(**BLOBS))
    wait_until(has_ended(place, run_id))

    with app.database.read() as session:
        row = session.get_one(Run, run_id)
    assert (row.state, row.lease_token) == ("completed", 6)  # a claim for each page
    assert count_links(app) == 12


def test_an_annotation_is_delivered_by_itself(house):
    app, broker = house.open_with_broker(**NO_POLL)
    place = house.settle(app)
    place.add_export(prefix="out")
    house.work(app, broker)
    task = tasks.create_task(app, place.owner, place.project, {"n": 1})

    made = annotations.create_annotation(app, place.owner, task.id, {"result": []})

    wait_until(lambda: f"out/{made.id}" in house.bucket.keys())  # noqa: SIM118
    wait_until(lambda: not outbox.list_pending_storages(app))


def test_a_run_whose_message_was_lost_is_found(house):
    app, broker = house.open_with_broker()
    silent = house.open()
    assert isinstance(silent.bell, SilentBell)
    place = house.settle(silent)
    run_id = place.request(place.add(**BLOBS))

    house.work(app, broker)

    wait_until(has_ended(place, run_id))
    assert place.run(run_id).state == "completed"


def test_a_run_whose_worker_was_lost_is_taken_up_again(house):
    app, broker = house.open_with_broker()
    place = house.settle(app)
    run_id = place.request(place.add(**BLOBS))
    leases.claim_run(app, "lost", run_id)
    with app.database.write() as session:
        session.execute(
            update(Run)
            .where(col(Run.id) == run_id)
            .values(lease_expires_at=database_now(-1))
        )

    house.work(app, broker)

    wait_until(has_ended(place, run_id))
    assert place.run(run_id).state == "completed"


def test_a_poll_that_fails_is_followed_by_another(house, monkeypatch):
    app, broker = house.open_with_broker()
    place, failed = house.settle(app), []
    reap = leases.reap_lost_runs

    def fail_twice(app):
        if len(failed) < 2:
            failed.append(1)
            raise ZeroDivisionError
        return reap(app)

    monkeypatch.setattr(leases, "reap_lost_runs", fail_twice)
    house.work(app, broker)
    wait_until(lambda: len(failed) == 2)
    silent = house.open()
    place.app = silent

    run_id = place.request(place.add(**BLOBS))

    wait_until(has_ended(place, run_id))


def test_a_due_run_is_rung_for_again_but_not_at_every_poll(house):
    app, broker = house.open_with_broker()
    place = house.settle(app)
    place.request(place.add(**BLOBS))
    worker = Worker(app, broker)  # never started: nobody takes the messages
    before = broker.queues["import"].qsize()

    for _ in range(11):
        worker.poll()

    assert broker.queues["import"].qsize() - before == 3
    worker.stop(1)


def test_dead_letters_do_not_pile_up(house):
    app, broker = house.open_with_broker(**NO_POLL)
    worker = house.work(app, broker)
    for _ in range(250):
        broker.enqueue(
            dramatiq.Message(
                queue_name="import",
                actor_name="nobody",
                args=(),
                kwargs={},
                options={},
            )
        )

    wait_until(lambda: broker.queues["import"].unfinished_tasks == 0)

    consumer = worker._worker.consumers["import"].consumer
    assert len(consumer.dead_letters) == 100
    assert broker.dead_letters == []


# Stopping


def test_stopping_hands_the_run_back_after_the_page_under_way(house):
    app, broker = house.open_with_broker(page_size=1, **NO_POLL)
    place = house.settle(app)
    run_id = place.request(place.add(**BLOBS))
    reached, go_on = threading.Event(), threading.Event()

    def hold(page):
        reached.set()
        go_on.wait(20)
        return page

    house.provider.after["list_objects"] = hold
    worker = house.work(app, broker)
    assert reached.wait(20)
    stopping = threading.Thread(target=worker.stop, args=(10,))
    stopping.start()
    wait_until(worker._ending.is_set)
    go_on.set()
    stopping.join(20)

    with app.database.read() as session:
        row = session.get_one(Run, run_id)
    assert (row.state, row.lease_owner, row.attempts) == ("queued", "", 0)
    assert [each["code"] for each in row.interruptions] == ["handed_back"]
    assert count_links(app) == 1
    again = leases.claim_run(app, "next", run_id)
    assert again.counts["created"] == 1


def test_stopping_ends_within_its_time_even_if_a_slice_does_not(house):
    app, broker = house.open_with_broker(page_size=5, **NO_POLL)
    place = house.settle(app)
    run_id = place.request(place.add(**BLOBS))
    reached, go_on = threading.Event(), threading.Event()

    def hang(_query):
        reached.set()
        go_on.wait(30)

    house.provider.before["list_objects"] = hang
    worker = Worker(app, broker)
    worker.start()
    assert reached.wait(20)

    started = time.monotonic()
    worker.stop(0.6)
    took = time.monotonic() - started

    go_on.set()
    assert took < 20  # it would have hung for thirty seconds
    wait_until(lambda: leases.list_due_runs(app) == [(run_id, "import")])


def test_a_worker_that_was_never_started_can_be_stopped(house):
    worker = Worker(*house.open_with_broker())

    worker.stop(0.2)

    assert worker._ending.is_set()


def test_a_stopped_worker_takes_no_more_work(house):
    app, broker = house.open_with_broker()
    place = house.settle(app)
    storage = place.add(**BLOBS)
    worker = Worker(app, broker)
    worker.start()
    worker.stop(5)

    run_id = place.request(storage)
    time.sleep(0.3)

    assert place.run(run_id).state == "queued"
