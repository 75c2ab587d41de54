"""A worker is killed again and again while it exports, and people go on labelling."""

from __future__ import annotations

import json
import os
import random
import threading

import pytest

from labeldock.contract.values import Purpose
from labeldock.services import annotations
from labeldock.services.working import run_until_done
from tests.chaos.killing import Killing
from tests.chaos.scene import wait_until
from tests.chaos.test_delivery_kills import (
    is_all_delivered,
    let_leases_expire,
    read_bucket,
    read_database,
)

PER_FILE = 100
ALL = [
    pytest.param((50, 5000), marks=pytest.mark.chaos, id="50-kills-of-5000"),
    pytest.param((2, 500), id="2-kills-of-500"),
]


@pytest.fixture(params=ALL)
def scale(request):
    """How many kills, and how many annotations there are at the beginning."""
    return request.param


@pytest.fixture
def seed(scale):
    return int(os.environ.get("LABELDOCK_TEST_SEED", sum(scale)))


def test_the_bucket_equals_the_database_after_an_export_under_fire(
    scene, crew, rng, tally, scale
):
    kills, count = scale
    bring_annotations(scene, count)
    storage_id = scene.connect("labels", Purpose.EXPORT, can_delete_objects=True)
    killing = Killing(scene, crew, rng, tally)
    editor = Editor(scene, random.Random(rng.random()))

    run_id = scene.sync(storage_id, Purpose.EXPORT)
    editor.start()
    try:
        while tally.struck < kills:
            if scene.has_ended(run_id):
                run_id = scene.sync(storage_id, Purpose.EXPORT)
            killing.strike_run(run_id)
            let_leases_expire(scene)
    finally:
        editor.stop()
    survivor = crew.hire()
    wait_until(lambda: is_all_delivered(scene, run_id), survivor.read_log)

    expected = read_database(scene)
    assert {row.state for row in scene.read("SELECT state FROM run")} == {"completed"}
    assert read_bucket(scene, storage_id) == expected
    assert editor.updated > 0
    assert count - editor.deleted == len(expected) < count


def bring_annotations(scene, count):
    """Import tasks with an annotation each: the quick way to have many."""
    folder = scene.folder / "tasks"
    folder.mkdir()
    for first in range(0, count, PER_FILE):
        rows = [
            {"data": {"n": n}, "annotations": [{"result": [{"value": n}]}]}
            for n in range(first, first + PER_FILE)
        ]
        (folder / f"{first:05}.json").write_text(json.dumps(rows))
    run_id = scene.sync(scene.connect("tasks", Purpose.IMPORT), Purpose.IMPORT)
    assert run_until_done(scene.app, run_id, owner="test").counts["created"] == count


class Editor(threading.Thread):
    """Somebody who changes annotations, and deletes one now and then."""

    def __init__(self, scene, rng):
        super().__init__(name="editor")
        self._scene, self._rng = scene, rng
        self._ids = [row.id for row in scene.read("SELECT id FROM annotation")]
        self._ended = threading.Event()
        self.updated = self.deleted = 0

    def run(self):
        while not self._ended.wait(self._rng.uniform(0, 0.02)):
            self._act(self._rng.choice(self._ids))

    def stop(self):
        self._ended.set()
        self.join()

    def _act(self, annotation_id):
        app, owner = self._scene.app, self._scene.owner
        if self._rng.random() < 0.2:
            annotations.delete_annotation(app, owner, annotation_id)
            self._ids.remove(annotation_id)
            self.deleted += 1
            return
        values = {"result": [{"value": self._rng.random()}]}
        annotations.update_annotation(app, owner, annotation_id, values)
        self.updated += 1
