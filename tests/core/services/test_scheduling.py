"""Storages that are synced by themselves: noticed once, and only while they may."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from labeldock.contract import InvalidInput, Purpose
from labeldock.services import runs, scheduling, storages
from labeldock.services.events import envelopes, inbox
from labeldock.services.working import run_until_done

FAR = datetime(2040, 5, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _start(bucket):
    bucket.put("start.json", '{"n": 1}')


def list_runs(place, storage):
    found = runs.list_runs(place.app, place.owner, place.project, storage_id=storage.id)
    return [(run.trigger, run.state) for run in found]


def update(place, storage, **changes):
    return storages.update_storage(
        place.app, place.owner, storage.id, storage.purpose, changes
    )


@pytest.mark.parametrize("purpose", Purpose)
def test_a_storage_that_is_due_is_synced(place, bucket, purpose):
    bucket.put("a", "x")
    storage = place.add(purpose, use_blob_urls=True, schedule="every 15 minutes")
    assert list_runs(place, storage) == []

    assert scheduling.request_due_syncs(place.app) == 0
    assert scheduling.request_due_syncs(place.app, FAR) == 1

    shown = place.show(storage)
    assert list_runs(place, storage) == [("schedule", "queued")]
    assert shown.next_run_at == FAR + timedelta(minutes=15)
    run = run_until_done(place.app, shown.run.id, owner="test")
    assert run.state == "completed"


def test_it_fires_once_however_many_look(open_app, installation, build_workplace):
    place = build_workplace(open_app(installation))
    for _ in range(3):
        place.add(schedule="@hourly", use_blob_urls=True)
    apps = [open_app(installation) for _ in range(4)]
    begin = threading.Barrier(len(apps))
    fired = []

    def look(app):
        begin.wait()
        fired.append(scheduling.request_due_syncs(app, FAR))

    threads = [threading.Thread(target=look, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(fired) == 3
    assert len(runs.list_runs(place.app, place.owner, place.project)) == 3


def test_what_was_missed_in_an_outage_runs_once(sqlite_place):
    place = sqlite_place
    storage = place.add(schedule="*/5 * * * *")

    fired = [
        scheduling.request_due_syncs(place.app, FAR + timedelta(seconds=second))
        for second in range(0, 240, 60)
    ]

    assert fired == [1, 0, 0, 0]
    assert place.show(storage).next_run_at == FAR.replace(minute=5, second=0)


def test_a_run_that_is_active_is_not_doubled(sqlite_place, bucket):
    place = sqlite_place
    storage = place.add(schedule="@hourly", use_blob_urls=True)
    run_id = place.request(storage)

    assert scheduling.request_due_syncs(place.app, FAR) == 0

    assert list_runs(place, storage) == [("manual", "queued")]
    assert place.run(run_id).is_active
    assert place.show(storage).next_run_at > FAR


def test_a_run_of_the_inbox_does_not_stand_for_a_scheduled_one(sqlite_place, bucket):
    place = sqlite_place
    bucket.put_all({"a": "x", "b": "x"})
    storage = place.add(schedule="@hourly", use_blob_urls=True)
    inbox.accept_notice(
        place.app, storage.id, envelopes.parse_notice(b'{"keys":["a"]}')
    )
    drain = place.show(storage).run.id

    assert scheduling.request_due_syncs(place.app, FAR) == 0
    run_until_done(place.app, drain, owner="test")
    assert scheduling.request_due_syncs(place.app, FAR) == 1
    run_until_done(place.app, place.show(storage).run.id, owner="test")

    assert [run[0] for run in list_runs(place, storage)] == ["schedule", "event"]


def test_the_next_time_follows_the_schedule_as_it_changes(sqlite_place):
    place = sqlite_place
    storage = place.add()
    assert storage.next_run_at is None

    first = update(place, storage, schedule="every day").next_run_at
    assert first is not None
    assert update(place, storage, title="Other").next_run_at == first
    assert update(place, storage, schedule="every 2 hours").next_run_at < first
    assert update(place, storage, synchronizable=False).next_run_at is None
    assert scheduling.request_due_syncs(place.app, FAR) == 0
    assert update(place, storage, synchronizable=True).next_run_at is not None
    assert update(place, storage, schedule=None).next_run_at is None


def test_a_schedule_is_checked_when_it_is_saved(sqlite_place):
    with pytest.raises(InvalidInput) as refusal:
        sqlite_place.add(schedule="99 * * * *")

    [problem] = refusal.value.problems
    assert problem.field == "schedule"
    assert "cron expression" in problem.message


def test_a_schedule_that_is_not_understood_any_more_stops(sqlite_place, bucket):
    from sqlmodel import update as change

    from labeldock.db.tables import Storage

    place = sqlite_place
    storage = place.add(schedule="@hourly")
    with place.app.database.write() as session:
        session.execute(change(Storage).values(schedule="of a later version"))

    assert scheduling.request_due_syncs(place.app, FAR) == 1
    assert scheduling.request_due_syncs(place.app, FAR + timedelta(days=1)) == 0
    assert place.show(storage).next_run_at is None
