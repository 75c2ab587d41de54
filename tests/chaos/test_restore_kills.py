"""Workers are killed while they restore: a project comes whole, or does not come."""

from __future__ import annotations

import pytest

from labeldock.services import runs
from labeldock.services.persistent.files import sweep_files
from labeldock.services.restoring.asking import restore_upload
from labeldock.services.restoring.incoming import append_piece, begin_upload
from labeldock.services.restoring.project import sweep_restores
from tests.chaos.archives import write_archive
from tests.chaos.killing import Killing
from tests.chaos.scene import wait_until

TASKS = 9000
MEDIA = 120


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "archive.zip"
    write_archive(path, TASKS, MEDIA)
    return path


def ask(scene, archive):
    """Send the archive and ask for its restore; the run."""
    size = archive.stat().st_size
    token = begin_upload(scene.app, scene.owner, size).token
    append_piece(scene.app, scene.owner, token, 0, archive)
    return restore_upload(scene.app, scene.owner, token).run_id


def test_a_restore_comes_whole_however_often_its_workers_are_killed(
    scene, crew, rng, tally, kills, archive
):
    killing = Killing(scene, crew, rng, tally, kills)
    run_id, asked = ask(scene, archive), 1
    while tally.struck < kills:
        if scene.has_ended(run_id):
            run_id, asked = ask(scene, archive), asked + 1
        killing.strike_run(run_id)
        assert_nothing_is_shown_half(scene)
    survivor = crew.hire()
    wait_until(lambda: scene.has_ended(run_id), survivor.read_log)
    survivor.kill()

    assert scene.read_run(run_id).state == "completed"
    assert sweep_restores(scene.app) == 0
    assert_nothing_is_shown_half(scene)
    assert len(list_restored(scene)) == asked
    print(f"{asked} restores came whole after {tally.struck} kills")  # noqa: T201


def test_a_killed_restore_that_is_cancelled_leaves_nothing(
    scene, crew, rng, tally, archive
):
    killing = Killing(scene, crew, rng, tally, kills=1)
    run_id = ask(scene, archive)
    while not is_half_done(scene, run_id):
        if scene.has_ended(run_id):
            run_id = ask(scene, archive)
        killing.strike_run(run_id)
    before = len(list_restored(scene))

    runs.cancel_run(scene.app, scene.owner, run_id)
    sweep_restores(scene.app)
    sweep_files(scene.app)

    assert scene.read_run(run_id).state == "cancelled"
    assert scene.read("SELECT 1 FROM project WHERE restoring_run_id IS NOT NULL") == []
    assert len(list_restored(scene)) == before
    assert scene.read("SELECT count(*) FROM task")[0][0] == before * TASKS
    files = (scene.app.settings.home / "files" / "media").rglob("*")
    assert sum(path.is_file() for path in files) == before * MEDIA


def is_half_done(scene, run_id):
    """Whether something of it is there, and it has not ended."""
    query = "SELECT 1 FROM project WHERE restoring_run_id = :id"
    return bool(scene.read(query, id=run_id)) and not scene.has_ended(run_id)


def list_restored(scene):
    """Projects that are shown and came out of the archive."""
    query = (
        "SELECT id FROM project WHERE restoring_run_id IS NULL AND id <> :id "
        "ORDER BY id"
    )
    return [row.id for row in scene.read(query, id=scene.project_id)]


def assert_nothing_is_shown_half(scene):
    for project_id in list_restored(scene):
        (found,) = scene.read(
            "SELECT task_number, total_annotations_number, (SELECT count(*) FROM task "
            "WHERE project_id = project.id) AS tasks, (SELECT count(*) FROM annotation "
            "WHERE project_id = project.id) AS said, (SELECT count(*) FROM "
            "slot_reference JOIN slot ON slot.id = slot_id WHERE project_id = "
            "project.id) AS referred FROM project WHERE id = :id",
            id=project_id,
        )
        assert tuple(found) == (TASKS, TASKS, TASKS, TASKS, TASKS)
        slot = scene.read("SELECT id FROM slot WHERE project_id = :id", id=project_id)
        folder = scene.app.settings.home / "files" / "media" / str(slot[0].id)
        assert sum(path.is_file() for path in folder.rglob("*")) == MEDIA
