"""A worker that stands still past its lease has lost the run, and writes nothing."""

from __future__ import annotations

import redis

from labeldock.contract.values import Purpose
from labeldock.db.engine import Database
from tests.chaos.files import make_media
from tests.chaos.killing import Killing
from tests.chaos.scene import opened_scene, ring_for_a_sync, wait_until
from tests.chaos.truth import (
    assert_counters_are_right,
    assert_each_has_one_task,
    assert_run_is_done,
)
from tests.chaos.workers import hired_crew

FILES = 2000
BLOBS = {"use_blob_urls": True, "recursive_scan": True}
QUEUE, MESSAGES = "labeldock:import", "labeldock:import.msgs"
WATCHED = ("task", "import_link", "run", "run_error", "project", "storage")


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing(scene, crew, rng):
    stop_past_the_lease(scene, crew, rng)


def test_so_does_one_that_hears_from_redis(tmp_path, postgres_url, redis_url, rng):
    with (
        opened_scene(tmp_path, postgres_url, broker_url=redis_url) as scene,
        hired_crew(scene.values, tmp_path / "workers.log") as crew,
    ):
        stop_past_the_lease(scene, crew, rng)


def stop_past_the_lease(scene, crew, rng):
    keys = make_media(scene.folder / "media", FILES)
    storage_id = scene.connect("media", Purpose.IMPORT, **BLOBS)
    run_id = scene.sync(storage_id, Purpose.IMPORT)
    stopped = Killing(scene, crew, rng).stop_within_run(run_id)
    another = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), another.read_log)
    another.kill()
    left = take_snapshot(scene)

    stopped.go_on()
    wait_until(lambda: "lease_lost" in stopped.read_log(), stopped.read_log)

    assert take_snapshot(scene) == left
    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    assert_counters_are_right(scene)


def test_a_message_that_two_workers_are_handed_is_worked_on_by_one(
    tmp_path, postgres_url, redis_url, rng
):
    """The first stands still while it holds the run, so the second takes the copy."""
    patient = {"storage_in_progress_timer": 20.0, "poll_interval": 3600.0}
    patient |= {"slice_pages": 10_000, "broker_url": redis_url}
    with (
        opened_scene(tmp_path, postgres_url, **patient) as scene,
        hired_crew(scene.values, tmp_path / "workers.log") as crew,
        redis.Redis.from_url(redis_url) as client,
    ):
        keys = make_media(scene.folder / "media", FILES)
        storage_id = scene.connect("media", Purpose.IMPORT, **BLOBS)
        run_id = ring_for_a_sync(scene, storage_id)
        ((message_id, message),) = client.hgetall(MESSAGES).items()
        first = Killing(scene, crew, rng).stop_within_run(run_id)
        left = take_snapshot(scene)

        client.hset(MESSAGES, message_id, message)
        client.rpush(QUEUE, message_id)
        second = crew.hire()
        wait_until(lambda: not client.hexists(MESSAGES, message_id), crew.read_log)

        assert second.is_alive
        assert take_snapshot(scene) == left
        first.go_on()
        wait_until(lambda: scene.has_ended(run_id), crew.read_log)
        assert scene.read_run(run_id).lease_token == 1  # it was claimed once
        assert_run_is_done(scene, run_id)
        assert_each_has_one_task(scene, storage_id, keys)


def take_snapshot(scene):
    """All that an import may write."""
    return {
        table: scene.read(f"SELECT * FROM {table} ORDER BY id") for table in WATCHED
    }


def test_postgres_ends_a_transaction_that_stands_still(postgres_url):
    """Else a machine that freezes amid one would keep its locks from all others."""
    database = Database(postgres_url)
    with database.write_connection() as connection:
        name = "idle_in_transaction_session_timeout"
        limit = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
    database.close()

    assert limit == "1min"
