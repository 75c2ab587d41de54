"""Predictions, and counters that stay right whoever works at the same time."""

from __future__ import annotations

import pytest
from sqlmodel import func, select

from labeldock.contract import InvalidInput, NotAllowed, NotFound
from labeldock.db.tables import Annotation, Prediction, Project, Task
from labeldock.services import annotations, predictions, tasks
from tests.core.concurrency import run_at_once

RESULT = [{"from_name": "kind", "type": "choices", "value": {"choices": ["gull"]}}]


@pytest.fixture
def task(place):
    return add_task(place)


def add_task(place):
    return tasks.create_task(place.app, place.owner, place.project, {"n": 1}).id


def predict(place, task, **values):
    values = {"result": RESULT, **values}
    return predictions.create_prediction(place.app, place.owner, task, values)


def annotate(place, task, **values):
    values = {"result": RESULT, **values}
    return annotations.create_annotation(place.app, place.owner, task, values)


def test_a_prediction_is_saved_changed_and_deleted(place, task):
    made = predict(place, task, score=0.5, model_version="v1")
    app, owner = place.app, place.owner
    changed = predictions.update_prediction(app, owner, made.id, {"score": None})

    assert (made.result, made.score, made.model_version) == (RESULT, 0.5, "v1")
    assert (changed.result, changed.score) == (RESULT, None)
    assert predictions.get_prediction(app, owner, made.id) == changed
    assert predictions.list_predictions(app, owner, task_id=task) == [changed]
    assert count(place) == read_counters(place)
    predictions.delete_prediction(app, owner, made.id)
    assert predictions.list_predictions(app, owner, project_id=place.project) == []
    assert count(place) == read_counters(place)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"result": "text"}, "result"),
        ({"result": None}, "result"),
        ({"result": [{"a": object()}]}, "result"),
        ({"score": "high"}, "score"),
        ({"score": True}, "score"),
        ({"model_version": 7}, "model_version"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(sqlite_place, values, field):
    with pytest.raises(InvalidInput, match="cannot be saved") as caught:
        predict(sqlite_place, add_task(sqlite_place), **values)

    assert [problem.field for problem in caught.value.problems] == [field]


def test_what_is_missing_or_of_strangers_is_refused(sqlite_place, people):
    place = sqlite_place
    made, app = predict(place, add_task(place)), place.app
    with pytest.raises(NotFound, match="Prediction 999"):
        predictions.get_prediction(app, place.owner, 999)
    with pytest.raises(NotFound, match="Task 999"):
        predict(place, 999)
    with pytest.raises(InvalidInput, match="required"):
        predictions.list_predictions(app, place.owner)
    for act in (
        lambda: predictions.get_prediction(app, people.stranger, made.id),
        lambda: predictions.update_prediction(app, people.stranger, made.id, {}),
        lambda: predictions.delete_prediction(app, people.stranger, made.id),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_too_many_for_one_list_are_asked_for_in_parts(sqlite_place, monkeypatch):
    monkeypatch.setattr(predictions, "MOST_LISTED", 3)
    place, task = sqlite_place, add_task(sqlite_place)
    made = [predict(place, task).id for _ in range(4)]
    listing = {"project_id": place.project}

    with pytest.raises(InvalidInput, match="more than 3"):
        predictions.list_predictions(place.app, place.owner, **listing)
    listing["after"] = made[1]
    rest = predictions.list_predictions(place.app, place.owner, **listing, limit=3)

    assert [each.id for each in rest] == made[2:]


# Several at once


def test_the_same_is_said_about_several_tasks(place):
    ids = [add_task(place) for _ in range(5)]

    made = annotations.create_annotations(
        place.app, place.owner, [*ids, ids[0]], {"result": RESULT}
    )

    assert [each.task_id for each in made] == ids
    assert count(place) == read_counters(place)
    assert count(place)["project"] == (5, 5, 0)


def test_either_all_are_said_or_none(place):
    task = add_task(place)

    with pytest.raises(NotFound, match="Task 999"):
        annotations.create_annotations(
            place.app, place.owner, [task, 999], {"result": RESULT}
        )
    with pytest.raises(InvalidInput, match="Give 1 to"):
        annotations.create_annotations(place.app, place.owner, [], {"result": RESULT})

    assert annotations.list_annotations(place.app, place.owner, task) == []


def test_several_are_deleted_and_those_of_others_are_not(place, people):
    ids = [add_task(place) for _ in range(3)]
    made = [annotate(place, each, was_cancelled=each == ids[1]).id for each in ids]
    made.append(annotate(place, ids[0]).id)
    app, owner = place.app, place.owner
    with pytest.raises(NotAllowed):
        annotations.delete_annotations(app, people.stranger, made)

    elsewhere = annotations.delete_annotations(app, owner, made, project_id=999)
    deleted = annotations.delete_annotations(app, owner, [*made[1:], 999])

    assert (elsewhere, deleted) == (0, 3)
    assert count(place) == read_counters(place)
    assert count(place)["project"] == (1, 1, 0)


def test_counters_stay_right_whoever_works_at_the_same_time(place):
    ids = [add_task(place) for _ in range(3)]
    old = [annotate(place, each).id for each in ids]
    said = [predict(place, each).id for each in ids]
    app, owner = place.app, place.owner
    values = {"result": RESULT}

    outcomes = run_at_once(
        *[lambda n=n: annotate(place, ids[n % 3]) for n in range(4)],
        *[lambda n=n: predict(place, ids[n % 3]) for n in range(4)],
        lambda: annotations.create_annotations(app, owner, ids, values),
        lambda: annotations.create_annotations(app, owner, ids[::-1], values),
        lambda: annotations.delete_annotations(app, owner, old[:2]),
        lambda: annotations.delete_annotations(app, owner, old[::-1]),
        lambda: annotations.update_annotation(
            app, owner, annotate(place, ids[0]).id, {"was_cancelled": True}
        ),
        lambda: predictions.delete_prediction(app, owner, said[0]),
        lambda: predictions.update_prediction(app, owner, said[1], {"score": 1}),
        lambda: tasks.update_task(app, owner, ids[2], {"data": {"n": 2}}),
    )

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert count(place) == read_counters(place)
    assert count(place)["project"] == (4 + 6, 3, 3 + 4 - 1)


def read_counters(place):
    with place.app.database.read() as session:
        project = session.get_one(Project, place.project)
        rows = session.exec(select(Task).order_by(Task.id)).all()
        return {
            "project": (
                project.total_annotations_number,
                project.finished_task_number,
                project.total_predictions_number,
            ),
            "tasks": [
                (r.total_annotations, r.cancelled_annotations, r.total_predictions)
                for r in rows
            ],
        }


def count(place):
    """The same, counted from the rows."""
    with place.app.database.read() as session:
        rows = session.exec(select(Task).order_by(Task.id)).all()
        counts = [_count_task(session, row.id) for row in rows]
        finished = sum(c[0] >= r.overlap for c, r in zip(counts, rows, strict=True))
        sums = [sum(column) for column in zip(*counts, strict=True)]
        return {"project": (sums[0], finished, sums[2]), "tasks": counts}


def _count_task(session, task_id):
    said = session.exec(select(Annotation).where(Annotation.task_id == task_id)).all()
    cancelled = sum(each.was_cancelled for each in said)
    predicted = session.exec(
        select(func.count()).where(Prediction.task_id == task_id)
    ).one()
    return (len(said) - cancelled, cancelled, predicted)
