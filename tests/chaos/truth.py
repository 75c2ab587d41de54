"""What must be true of an import, whatever happened to its workers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.chaos.scene import Scene


def assert_run_is_done(scene: Scene, run_id: int) -> None:
    """It ended well, and nobody holds it."""
    run = scene.read_run(run_id)
    assert (run.state, run.lease_owner, run.lease_expires_at) == ("completed", "", None)
    assert scene.list_owners() == []
    assert scene.read("SELECT id FROM part") == []


def assert_each_has_one_task(scene: Scene, storage_id: int, keys: set[str]) -> None:
    """Every object has one link, the link has one task, and the task is about it."""
    rows = scene.read(
        "SELECT link.key, task.data FROM import_link AS link "
        "LEFT JOIN task ON task.id = link.task_id WHERE link.storage_id = :id",
        id=storage_id,
    )
    head = scene.read("SELECT base_uri FROM storage WHERE id = :id", id=storage_id)[0][
        0
    ]
    expected = Counter((key, head + key) for key in keys)
    assert Counter((r.key, json.loads(r.data)["$undefined$"]) for r in rows) == expected
    assert _count(scene, "task") == len(keys)


def assert_counters_are_right(scene: Scene) -> None:
    """The project counts what there is, and every task has a number of its own."""
    totals = scene.read_totals()
    assert _counters(totals) == {
        "tasks": _count(scene, "task"),
        "finished": _count(scene, "task", "is_labeled"),
        "annotations": _count(scene, "annotation", "NOT was_cancelled"),
        "predictions": _count(scene, "prediction"),
    }
    query = "SELECT inner_id FROM task WHERE project_id = :id"
    numbers = [row.inner_id for row in scene.read(query, id=scene.project_id)]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < totals.next_inner_id


def _counters(totals: Any) -> dict[str, int]:
    return {
        "tasks": totals.task_number,
        "finished": totals.finished_task_number,
        "annotations": totals.total_annotations_number,
        "predictions": totals.total_predictions_number,
    }


def _count(scene: Scene, table: str, condition: str = "1 = 1") -> int:
    query = f"SELECT count(*) FROM {table} WHERE project_id = :id AND {condition}"
    count: int = scene.read(query, id=scene.project_id)[0][0]
    return count
