"""A bucket is away for a while: annotating goes on, and everything arrives later."""

from __future__ import annotations

import pytest

import labeldock.services.annotations as services
from labeldock.contract.values import Purpose
from labeldock.services.tasks import create_task
from tests.chaos.buckets import ChaosBucket
from tests.chaos.scene import wait_until
from tests.chaos.test_delivery_kills import is_all_delivered, read_database

LABELS = 30
LAST = 7  # attempts after which the next failure is the last


@pytest.fixture
def bucket(moto_url, wire):
    return ChaosBucket(moto_url)


@pytest.fixture
def people(scene):
    return People(scene)


class People:
    """They label, and do not know what a bucket is."""

    def __init__(self, scene):
        self._app, self._owner = scene.app, scene.owner
        self._task = create_task(scene.app, scene.owner, scene.project_id, {"n": 1}).id

    def label(self):
        for number in range(LABELS):
            values = {"result": [{"value": number}]}
            services.create_annotation(self._app, self._owner, self._task, values)


def test_what_was_labelled_meanwhile_arrives_once_it_is_back(
    scene, crew, bucket, wire, people
):
    bucket.connect(scene, Purpose.EXPORT, wire)
    people.label()
    worker = crew.hire()
    wait_until(lambda: len(bucket.read_labels()) == LABELS, worker.read_log)

    wire.cut()
    people.label()  # and nobody notices
    wait_until(lambda: has_failed_once(scene), worker.read_log)
    assert len(bucket.read_labels()) == LABELS
    assert scene.read("SELECT count(*) FROM export_link")[0][0] == LABELS
    wire.mend()

    wait_until(lambda: is_quiet(scene), worker.read_log)
    assert bucket.read_labels() == read_database(scene)
    assert len(read_database(scene)) == 2 * LABELS
    assert wire.struck > 0


def test_what_was_given_up_arrives_with_the_next_sync(
    scene, crew, bucket, wire, people
):
    storage_id = bucket.connect(scene, Purpose.EXPORT, wire)
    worker = crew.hire()
    wire.cut()
    people.label()
    scene.write("UPDATE outbox SET attempts = :attempts", attempts=LAST)
    wait_until(lambda: len(list_failed(scene)) == LABELS, worker.read_log)
    wire.mend()

    run_id = scene.sync(storage_id, Purpose.EXPORT)

    wait_until(lambda: is_all_delivered(scene, run_id), worker.read_log)
    assert scene.read_run(run_id).state == "completed"
    assert scene.read_counts(run_id)["delivered"] == LABELS
    assert bucket.read_labels() == read_database(scene)
    assert list_failed(scene) == []


def has_failed_once(scene):
    return bool(scene.read("SELECT 1 FROM outbox WHERE attempts > 0 LIMIT 1"))


def list_failed(scene):
    return scene.read("SELECT key FROM outbox WHERE has_failed")


def is_quiet(scene):
    query = "SELECT 1 FROM outbox WHERE delivered_version < wanted_version LIMIT 1"
    return not scene.read(query)
