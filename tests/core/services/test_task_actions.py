"""What is done with many tasks, page by page: counters, permissions, the audit log."""

from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract.errors import NotAllowed, NotFound
from labeldock.db.audit import AuditEvent
from labeldock.services import annotations, drafts, predictions, projects, task_actions
from labeldock.services.task_selection import EVERY_TASK, TaskSelection
from labeldock.services.tasks import create_task
from tests.core.services.tallies import count_again, read_counters

SAID = [{"type": "choices", "value": {"choices": ["gull"]}}]
OTHER = [{"type": "choices", "value": {"choices": ["crow"]}}]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(task_actions, "PAGE", 2)


@pytest.fixture
def filled(place, people):
    """Five tasks, each with an annotation, a draft, and what two models say."""
    app, owner = place.app, place.owner
    place.tasks = []
    for number in range(5):
        task = create_task(app, owner, place.project, {"n": number}).id
        annotations.create_annotation(app, owner, task, {"result": OTHER})
        drafts.create_draft(app, owner, {"result": OTHER}, task_id=task)
        for version in ("one", "two"):
            values = {"result": SAID, "model_version": version}
            predictions.create_prediction(app, owner, task, values)
        place.tasks.append(task)
    return place


def list_entries(place):
    with place.app.database.read() as session:
        rows = session.exec(select(AuditEvent).order_by(AuditEvent.id)).all()
    found = [(row.action, row.details.get("number")) for row in rows]
    return [(action, number) for action, number in found if number]


def act(place, name, selection=EVERY_TASK, **more):
    do = getattr(task_actions, name)
    return do(place.app, place.owner, place.project, selection, **more)


def test_annotations_and_drafts_of_tasks_are_removed(filled):
    chosen = TaskSelection(included=tuple(filled.tasks[:3]))

    assert act(filled, "delete_annotations_of_tasks", chosen) == 3

    shown = projects.get_project(filled.app, filled.owner, filled.project)
    assert (shown.total_annotations_number, shown.finished_task_number) == (2, 2)
    assert read_counters(filled) == count_again(filled)
    left = drafts.list_own_drafts(filled.app, filled.owner, filled.tasks)
    assert sorted(left) == filled.tasks[3:]
    assert list_entries(filled) == [("annotation.delete", 2), ("annotation.delete", 1)]


def test_annotations_of_one_author_alone_are_removed(filled, people):
    nobody = people.stranger.user_id
    mine = filled.owner.user_id

    assert act(filled, "delete_annotations_of_tasks", author_id=nobody) == 0
    assert act(filled, "delete_annotations_of_tasks", author_id=mine) == 5


def test_predictions_of_tasks_are_removed(filled):
    finished = TaskSelection(excluded=tuple(filled.tasks[1:]))

    assert act(filled, "delete_predictions_of_tasks", finished) == 2
    assert act(filled, "delete_predictions_of_tasks") == 8
    assert act(filled, "delete_predictions_of_tasks") == 0

    assert read_counters(filled) == count_again(filled)
    numbers = [number for _, number in list_entries(filled)]
    assert numbers == [2, 2, 4, 2]


def test_what_models_say_becomes_annotations_once(filled):
    assert act(filled, "annotate_from_predictions", versions=["three"]) == 0
    assert act(filled, "annotate_from_predictions", versions=["one"]) == 5
    assert act(filled, "annotate_from_predictions") == 0  # both say the same

    made = annotations.list_annotations(filled.app, filled.owner, filled.tasks[0])
    assert [each.result for each in made] == [OTHER, SAID]
    assert {each.completed_by_id for each in made} == {filled.owner.user_id}
    assert read_counters(filled) == count_again(filled)


def test_strangers_do_nothing(filled, people):
    for name in (
        "delete_annotations_of_tasks",
        "delete_predictions_of_tasks",
        "annotate_from_predictions",
    ):
        do = getattr(task_actions, name)
        with pytest.raises((NotAllowed, NotFound)):
            do(filled.app, people.stranger, filled.project, EVERY_TASK)
    assert list_entries(filled) == []
