"""Workers of an import are killed: nothing is lost, nothing is there twice."""

from __future__ import annotations

from labeldock.contract.values import Purpose
from tests.chaos.files import make_media
from tests.chaos.killing import Killing
from tests.chaos.scene import opened_scene
from tests.chaos.truth import (
    assert_counters_are_right,
    assert_each_has_one_task,
    assert_run_is_done,
)
from tests.chaos.workers import hired_crew

FILES = 1200


def test_every_object_has_one_task_whatever_is_killed(scene, crew, rng, tally, kills):
    _import_under_fire(Killing(scene, crew, rng, tally, kills))


def test_workers_that_hear_from_redis_may_be_killed_too(
    tmp_path, postgres_url, redis_url, rng, tally, kills
):
    with (
        opened_scene(tmp_path, postgres_url, broker_url=redis_url) as scene,
        hired_crew(scene.values, tmp_path / "workers.log") as crew,
    ):
        _import_under_fire(Killing(scene, crew, rng, tally, kills))


def _import_under_fire(killing):
    scene = killing.scene
    keys = make_media(scene.folder / "media", FILES)
    storage_id = scene.connect(
        "media", Purpose.IMPORT, use_blob_urls=True, recursive_scan=True
    )

    def make_more():
        keys.update(make_media(scene.folder / "media", FILES // 3, first=len(keys)))

    run_id = killing.sync_to_the_end(storage_id, make_more)

    assert killing.tally.struck == killing.kills
    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    assert_counters_are_right(scene)
    assert_counted_once(scene, run_id, keys)


def assert_counted_once(scene, run_id, keys):
    """A page that was listed again after a kill is not counted again."""
    counts = scene.read_counts(run_id)
    assert counts["seen"] == counts["created"] + counts["existed"] == len(keys)
    assert counts["failed"] == 0
