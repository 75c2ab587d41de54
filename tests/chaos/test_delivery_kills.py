"""Workers are killed while they deliver: in the end the bucket equals the database."""

from __future__ import annotations

import pytest

from labeldock.contract.values import ListQuery, Purpose
from labeldock.services.annotations import (
    create_annotation,
    delete_annotation,
    update_annotation,
)
from labeldock.services.connections import load_connection
from labeldock.services.exporting.payloads import build_annotation
from labeldock.services.tasks import create_task
from tests.chaos.killing import Killing
from tests.chaos.scene import wait_until

TASKS = 20
PER_LIFE = 30


def test_the_bucket_equals_the_database_whatever_is_killed(
    scene, crew, rng, tally, kills
):
    storage_id = scene.connect("labels", Purpose.EXPORT, can_delete_objects=True)
    people = Annotators(scene, rng)
    killing = Killing(scene, crew, rng, tally)

    while tally.struck < kills:
        people.work()
        killing.strike_delivery(storage_id)
        let_leases_expire(scene)
    run_id = scene.sync(storage_id, Purpose.EXPORT)
    survivor = crew.hire()
    wait_until(lambda: is_all_delivered(scene, run_id), survivor.read_log)

    assert tally.struck == kills
    assert scene.read_run(run_id).state == "completed"
    assert read_bucket(scene, storage_id) == read_database(scene)
    assert read_links(scene) == set(read_database(scene))


@pytest.mark.chaos  # the suite has test_large_export, where people go on labelling
def test_an_export_run_survives_its_workers(scene, crew, rng, tally, kills):
    people = Annotators(scene, rng)
    for _ in range(5):
        people.work()
    storage_id = scene.connect("labels", Purpose.EXPORT, can_delete_objects=True)
    killing = Killing(scene, crew, rng, tally)

    run_id = scene.sync(storage_id, Purpose.EXPORT)
    while tally.struck < kills:
        if scene.has_ended(run_id):
            people.work()
            run_id = scene.sync(storage_id, Purpose.EXPORT)
        killing.strike_run(run_id)
        let_leases_expire(scene)
    survivor = crew.hire()
    wait_until(lambda: is_all_delivered(scene, run_id), survivor.read_log)

    assert tally.struck == kills
    run, counts = scene.read_run(run_id), scene.read_counts(run_id)
    assert (run.state, run.lease_owner) == ("completed", "")
    assert counts["delivered"] == counts["total"] == len(read_database(scene))
    assert read_bucket(scene, storage_id) == read_database(scene)


class Annotators:
    """People who label, change their minds and take things back."""

    def __init__(self, scene, rng):
        self._app, self._owner, self._rng = scene.app, scene.owner, rng
        self._tasks = [
            create_task(scene.app, scene.owner, scene.project_id, {"n": n}).id
            for n in range(TASKS)
        ]
        self._annotations = []

    def work(self):
        for number in range(PER_LIFE):
            self._create(number)
        for annotation_id in self._rng.sample(self._annotations, 8):
            values = {"result": [{"value": self._rng.random()}]}
            update_annotation(self._app, self._owner, annotation_id, values)
        for annotation_id in self._rng.sample(self._annotations, 4):
            delete_annotation(self._app, self._owner, annotation_id)
            self._annotations.remove(annotation_id)

    def _create(self, number):
        task_id = self._rng.choice(self._tasks)
        values = {"result": [{"value": number}]}
        created = create_annotation(self._app, self._owner, task_id, values)
        self._annotations.append(created.id)


def let_leases_expire(scene):
    """Some minutes pass: what a dead worker had begun to deliver is free again."""
    scene.write(
        "UPDATE outbox SET lease_expires_at = '2001-01-01 00:00:00' "
        "WHERE lease_expires_at IS NOT NULL"
    )


def is_all_delivered(scene, run_id):
    behind = scene.read("SELECT 1 FROM outbox WHERE delivered_version < wanted_version")
    return not behind and scene.has_ended(run_id)


def read_bucket(scene, storage_id):
    """What whoever lists the export storage finds there."""
    connection = load_connection(scene.app, storage_id)
    page = connection.provider.list_objects(connection.ref, ListQuery(limit=10_000))
    assert page.cursor is None
    folder = scene.folder / "labels"
    return {info.key: (folder / info.key).read_bytes() for info in page.objects}


def read_database(scene):
    """What should be there."""
    ids = [row.id for row in scene.read("SELECT id FROM annotation")]
    with scene.app.database.read() as session:
        return {str(i): build_annotation(session, i) for i in ids}


def read_links(scene):
    """What we say is there."""
    return {row.key for row in scene.read("SELECT key FROM export_link")}
