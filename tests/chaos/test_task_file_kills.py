"""Workers are killed amid files of tasks: each file is imported whole or not at all."""

from __future__ import annotations

from labeldock.contract.values import Purpose
from tests.chaos.files import make_task_files
from tests.chaos.killing import Killing
from tests.chaos.truth import assert_counters_are_right, assert_run_is_done

FILES = 100


def test_a_task_file_is_imported_whole_or_not_at_all(scene, crew, rng, tally, kills):
    rows = make_task_files(scene.folder / "tasks", FILES, rng)
    storage_id = scene.connect("tasks", Purpose.IMPORT)
    killing = Killing(scene, crew, rng, tally, kills)

    def make_more():
        more = make_task_files(scene.folder / "tasks", FILES, rng, first=len(rows))
        rows.update(more)

    run_id = killing.sync_to_the_end(
        storage_id, make_more, lambda: assert_files_are_whole(scene, rows)
    )

    assert tally.struck == kills
    assert_run_is_done(scene, run_id)
    assert assert_files_are_whole(scene, rows) == set(rows)
    assert_counters_are_right(scene)
    assert scene.read_counts(run_id)["failed"] == 0


def assert_files_are_whole(scene, rows):
    """Each file that is there has a task for every row; returns which are."""
    links = scene.read(
        "SELECT link.key, link.row_index, task.data FROM import_link AS link "
        "JOIN task ON task.id = link.task_id"
    )
    found = {}
    for link in links:
        found.setdefault(link.key, []).append((link.row_index, link.data))
    for key, imported in found.items():
        expected = [(i, f'{{"image":"{key}/{i}"}}') for i in range(rows[key])]
        assert sorted(imported) == expected, key
    assert scene.read("SELECT count(*) FROM task")[0][0] == len(links)
    return set(found)
