"""A worker that stands still past its lease has lost the run, and writes nothing."""

from __future__ import annotations

from labeldock.contract.values import Purpose
from labeldock.db.engine import Database
from tests.chaos.files import make_media
from tests.chaos.killing import Killing
from tests.chaos.scene import wait_until
from tests.chaos.truth import (
    assert_counters_are_right,
    assert_each_has_one_task,
    assert_run_is_done,
)

FILES = 3000
WATCHED = ("task", "import_link", "run", "run_error", "project", "storage")


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing(scene, crew, rng):
    keys = make_media(scene.folder / "media", FILES)
    storage_id = scene.connect(
        "media", Purpose.IMPORT, use_blob_urls=True, recursive_scan=True
    )
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
