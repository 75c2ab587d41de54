"""The five ways in which a sync ends before its time, each by its name.

Each on SQLite without a broker, and on PostgreSQL with Redis. docs/explanation/runs.md
has a table of them, which another test compares with this file.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
import redis

from labeldock.contract.values import Purpose
from labeldock.services import projects, storages
from labeldock.web.explanations import explain_failure
from tests.chaos.files import make_media
from tests.chaos.scene import opened_scene, ring_for_a_sync, wait_until
from tests.chaos.truth import assert_each_has_one_task, assert_run_is_done
from tests.chaos.workers import hired_crew
from tests.servers.postgres import fresh_database

FILES = 600
GREED = 150 * 2**20  # bytes that a worker may have more than when it began


@pytest.fixture(scope="module", params=["embedded", "hosted"])
def installation(request, tmp_path_factory):
    """One for all tests of this file, since each takes a second to make."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        urls = {"database_url": f"sqlite:///{folder}/labeldock.db"}
        if request.param == "hosted":
            server = request.getfixturevalue("postgres_server")
            urls["database_url"] = stack.enter_context(fresh_database(server))
            urls["broker_url"] = request.getfixturevalue("redis_server")
        yield stack.enter_context(opened_scene(folder, **urls, max_attempts=3))


@pytest.fixture
def scene(installation):
    """A project of the test's own."""
    title = {"title": "another"}
    project = projects.create_project(installation.app, installation.owner, title)
    return replace(installation, project_id=project.id)


@pytest.fixture
def crew(scene, tmp_path):
    with hired_crew(scene.values, tmp_path / "workers.log") as hired:
        yield hired


@pytest.fixture
def media(scene):
    """A storage with files to import, and their keys."""
    name = f"media-{scene.project_id}"
    keys = make_media(scene.folder / name, FILES)
    blobs = {"use_blob_urls": True, "recursive_scan": True}
    return scene.connect(name, Purpose.IMPORT, **blobs), keys


def test_an_exception_ends_the_sync_as_failed_and_says_what_to_do(scene, crew, media):
    storage_id, _ = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)
    folder = scene.folder / f"media-{scene.project_id}"
    folder.rename(folder.with_suffix(".gone"))

    worker = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), worker.read_log)

    view = show(scene, storage_id)
    assert (view.status, view.run.state) == ("failed", "failed")
    assert {"code", "message", "remedy", "correlation_id"} <= filled(view.run.problem)
    assert view.run.problem["correlation_id"] in worker.read_log()
    assert explain_failure(view).startswith("container_not_found: ")
    assert "Traceback" not in explain_failure(view)


def test_an_exception_nobody_expected_is_tried_again_and_then_fails(scene, crew, media):
    storage_id, _ = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)

    worker = crew.hire_clumsy()
    wait_until(lambda: scene.has_ended(run_id), worker.read_log)

    view = show(scene, storage_id)
    codes = [each["code"] for each in view.run.interruptions]
    assert (view.run.state, codes) == ("failed", ["internal_error"] * 2)
    assert view.run.problem["code"] == "internal_error"
    assert view.run.problem["correlation_id"] in worker.read_log()
    assert "ZeroDivisionError" in worker.read_log()
    assert "ZeroDivision" not in explain_failure(view)


def test_a_worker_killed_for_its_memory_is_replaced(scene, crew, media):
    storage_id, keys = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)

    kill_for_memory(crew, crew.hire_greedy())
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), survivor.read_log)

    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    view = show(scene, storage_id)
    assert [each["code"] for each in view.run.interruptions] == ["worker_lost"]
    assert explain_failure(view) is None  # success clears it


def test_a_sync_that_kills_every_worker_for_its_memory_fails(scene, crew, media):
    storage_id, _ = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)

    for _ in range(3):
        kill_for_memory(crew, crew.hire_greedy())
        wait_until(
            lambda: show(scene, storage_id).run.state in {"lost", "failed"},
            crew.read_log,
        )

    view = show(scene, storage_id)
    assert (view.status, scene.has_ended(run_id)) == ("failed", True)
    assert "lost 3 times" in explain_failure(view)
    assert "memory" in view.run.problem["remedy"]


def test_workers_that_are_redeployed_hand_the_sync_back(scene, crew, media):
    storage_id, keys = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)
    worker = crew.hire()
    wait_for_progress(scene, worker, run_id)

    exit_code = worker.end()

    view = show(scene, storage_id)
    assert exit_code == 0
    assert (view.status, scene.read_run(run_id).lease_owner) == ("queued", "")
    assert (view.run.attempts, view.run.problem) == (0, None)
    assert [each["code"] for each in view.run.interruptions] == ["handed_back"]
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), survivor.read_log)
    assert_each_has_one_task(scene, storage_id, keys)


def test_workers_that_were_killed_are_noticed_when_storages_are_listed(
    scene, crew, media
):
    storage_id, keys = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)
    worker = crew.hire()
    wait_for_progress(scene, worker, run_id)

    worker.kill()  # and there is no other one
    wait_until(lambda: show(scene, storage_id).status == "queued", crew.read_log)

    view = show(scene, storage_id)
    assert (view.run.state, view.run.attempts) == ("lost", 1)
    assert {"message", "key", "remedy", "correlation_id"} <= filled(view.run.problem)
    assert explain_failure(view).startswith("worker_lost: The worker ")
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), survivor.read_log)
    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    assert explain_failure(show(scene, storage_id)) is None


def test_workers_that_were_killed_are_noticed_by_the_other_workers(scene, crew, media):
    storage_id, keys = media
    run_id = scene.sync(storage_id, Purpose.IMPORT)
    worker = crew.hire()
    wait_for_progress(scene, worker, run_id)

    worker.kill()
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), survivor.read_log)

    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    assert "run_lost" in survivor.read_log()


def test_a_job_removed_from_the_queue_is_found_and_costs_no_attempt(scene, crew, media):
    storage_id, keys = media
    run_id = ring_for_a_sync(scene, storage_id)

    drop_every_message(scene)
    worker = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), worker.read_log)

    assert_run_is_done(scene, run_id)
    assert_each_has_one_task(scene, storage_id, keys)
    assert show(scene, storage_id).run.interruptions == []


def show(scene, storage_id):
    """The storage as somebody sees who lists storages, and nothing else."""
    found = storages.list_storages(
        scene.app, scene.owner, scene.project_id, Purpose.IMPORT
    )
    return next(view for view in found if view.id == storage_id)


def filled(problem):
    return {name for name, value in problem.items() if value}


def wait_for_progress(scene, worker, run_id):
    wait_until(
        lambda: (
            scene.read_counts(run_id).get("created")
            and worker.owns(scene.read_run(run_id).lease_owner)
        ),
        worker.read_log,
    )


def kill_for_memory(crew, worker):
    """What the kernel does: one that takes more than there is is killed."""
    wait_until(lambda: worker.read_memory() > 0, crew.read_log)
    before = worker.read_memory()
    wait_until(lambda: worker.read_memory() > before + GREED, crew.read_log)
    worker.kill()


def drop_every_message(scene):
    if scene.app.settings.is_embedded:
        return
    with redis.Redis.from_url(scene.app.settings.broker_url) as client:
        assert client.keys("labeldock:*")
        client.flushdb()
