"""Several workers behind one Redis, which may lose everything but time."""

from __future__ import annotations

import pytest
import redis
from sqlmodel import select

from labeldock.db.partitions import Part
from labeldock.db.tables import ImportLink
from labeldock.services import annotations, tasks
from labeldock.services.importing import sharing
from tests.core.concurrency import wait_until
from tests.servers.process import free_port
from tests.system.worker_places import NO_POLL, House, has_ended

BLOBS = {"use_blob_urls": True, "recursive_scan": True}


@pytest.fixture
def house(tmp_path, database_url, redis_url):
    with House(tmp_path / "home", database_url, redis_url) as house:
        yield house


def keys_of(app):
    with app.database.read() as session:
        return sorted(session.exec(select(ImportLink.key)))


def test_two_workers_share_the_runs_and_each_object_is_imported_once(house):
    keys = [f"{n % 4}/{n:03}" for n in range(80)]
    house.bucket.put_all(dict.fromkeys(keys, "x"))
    web, _ = house.open_with_broker()
    place = house.settle(web)
    for _ in range(2):
        house.work(*house.open_with_broker(page_size=3, slice_pages=2, **NO_POLL))

    runs = [place.request(place.add(prefix=str(n), **BLOBS)) for n in range(4)]
    for run_id in runs:
        wait_until(has_ended(place, run_id), 60)

    assert {place.run(run_id).state for run_id in runs} == {"completed"}
    assert keys_of(web) == sorted(keys)


def test_a_redis_that_is_wiped_loses_time_alone(house, redis_url):
    keys = [f"{n:03}" for n in range(60)]
    house.bucket.put_all(dict.fromkeys(keys, "x"))
    web, _ = house.open_with_broker()
    place = house.settle(web)
    with redis.Redis.from_url(redis_url) as client:
        house.provider.after["list_objects"] = lambda page: client.flushdb() and page
        house.work(*house.open_with_broker(page_size=3, slice_pages=1))

        run_id = place.request(place.add(**BLOBS))
        wait_until(has_ended(place, run_id), 60)

    assert place.run(run_id).state == "completed"
    assert keys_of(web) == keys


def test_an_annotation_is_delivered_by_a_worker_elsewhere(house):
    web, _ = house.open_with_broker()
    place = house.settle(web)
    place.add_export()
    house.work(*house.open_with_broker(**NO_POLL))
    task = tasks.create_task(web, place.owner, place.project, {"n": 1})

    made = annotations.create_annotation(web, place.owner, task.id, {"result": []})

    wait_until(lambda: house.bucket.keys() == [str(made.id)])


def test_a_redis_that_is_away_breaks_nobodys_work(tmp_path):
    away = f"redis://127.0.0.1:{free_port()}/0"
    with House(tmp_path / "home", "", away) as house:
        house.bucket.put("a", "x")
        web, _ = house.open_with_broker()
        place = house.settle(web)
        place.add_export(prefix="out")
        task = tasks.create_task(web, place.owner, place.project, {"n": 1})

        annotations.create_annotation(web, place.owner, task.id, {"result": []})
        run_id = place.request(place.add(**BLOBS))

        assert place.run(run_id).state == "queued"


def test_workers_share_one_bucket_of_task_files(house, monkeypatch):
    monkeypatch.setattr(sharing, "SMALLEST_PART", 3)
    files = {f"{n:03}.json": f'[{{"n": {n}}}, {{"n": {n}}}]' for n in range(60)}
    house.bucket.put_all(files)
    web, _ = house.open_with_broker()
    place, owners = house.settle(web), set()
    house.provider.before["get_data"] = lambda _: owners.update(owners_of_parts(web))
    shared = {"page_size": 20, "part_size": 3, **NO_POLL}
    for _ in range(3):
        house.work(*house.open_with_broker(**shared))

    run_id = place.request(place.add())
    wait_until(has_ended(place, run_id), 60)

    run = place.run(run_id)
    assert (run.state, run.counts["created"], run.counts["new"]) == (
        "completed", 120, 60,
    )  # fmt: skip
    assert sorted(set(keys_of(web))) == sorted(files)
    assert len(keys_of(web)) == 120
    assert len(owners) > 1


def owners_of_parts(app):
    with app.database.read() as session:
        return set(session.exec(select(Part.lease_owner).where(Part.lease_owner != "")))


def test_parts_whose_messages_were_lost_are_found_by_the_poll(
    house, redis_url, monkeypatch
):
    monkeypatch.setattr(sharing, "SMALLEST_PART", 3)
    house.bucket.put_all({f"{n:03}.json": '{"n": 1}' for n in range(40)})
    web, _ = house.open_with_broker()
    place = house.settle(web)
    with redis.Redis.from_url(redis_url) as client:
        house.provider.after["list_objects"] = lambda page: client.flushdb() and page
        house.work(*house.open_with_broker(page_size=10, part_size=3))

        run_id = place.request(place.add())
        wait_until(has_ended(place, run_id), 60)

    assert place.run(run_id).counts["new"] == 40
