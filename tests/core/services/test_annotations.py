from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract import InvalidInput, NotAllowed, NotFound
from labeldock.db.tables import Annotation, Project, Task
from labeldock.services import annotations, projects, tasks
from tests.core.concurrency import run_at_once

RESULT = [{"id": "r", "type": "choices", "value": {"choices": ["gull"]}}]


@pytest.fixture
def task(place):
    return tasks.create_task(place.app, place.owner, place.project, {"n": 1}).id


def save(place, task, **values):
    values = {"result": RESULT, **values}
    return annotations.create_annotation(place.app, place.owner, task, values)


def counters(place, task):
    with place.app.database.read() as session:
        row, project = session.get(Task, task), session.get(Project, place.project)
        return {
            "task": (row.total_annotations, row.cancelled_annotations, row.is_labeled),
            "project": (
                project.total_annotations_number,
                project.finished_task_number,
            ),
        }


def recount(place, task):
    """The same, counted from the rows."""
    with place.app.database.read() as session:
        query = select(Annotation).where(Annotation.task_id == task)
        rows = session.exec(query).all()
        done = sum(not row.was_cancelled for row in rows)
        row = session.get(Task, task)
        is_labeled = done >= row.overlap
        return {
            "task": (done, len(rows) - done, is_labeled),
            "project": (done, int(is_labeled)),
        }


def test_an_annotation_is_saved_and_shown(place, task):
    made = save(place, task, lead_time=1.5, ground_truth=True, unknown="x")

    shown = annotations.get_annotation(place.app, place.owner, made.id)
    assert shown == made
    assert annotations.list_annotations(place.app, place.owner, task) == [made]
    assert (made.result, made.lead_time, made.ground_truth) == (RESULT, 1.5, True)
    assert (made.completed_by_id, made.was_cancelled) == (place.owner.user_id, False)


def test_what_is_left_out_of_an_update_stays(place, task):
    made = save(place, task, lead_time=1.5)

    changed = annotations.update_annotation(
        place.app, place.owner, made.id, {"ground_truth": True}
    )

    assert (changed.result, changed.lead_time) == (RESULT, 1.5)
    assert changed.ground_truth
    assert changed.updated_at > made.updated_at


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"result": "text"}, "result"),
        ({"result": [1]}, "result"),
        ({"result": None}, "result"),
        ({"was_cancelled": 1}, "was_cancelled"),
        ({"ground_truth": "yes"}, "ground_truth"),
        ({"lead_time": "1"}, "lead_time"),
        ({"lead_time": True}, "lead_time"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(sqlite_place, values, field):
    place = sqlite_place
    task = tasks.create_task(place.app, place.owner, place.project, {"n": 1}).id

    with pytest.raises(InvalidInput, match="cannot be saved") as caught:
        save(place, task, **values)

    assert [problem.field for problem in caught.value.problems] == [field]
    assert recount(place, task) == counters(place, task)


def test_a_missing_task_or_annotation_is_not_found(place):
    for act in (
        lambda: save(place, 999),
        lambda: annotations.get_annotation(place.app, place.owner, 999),
        lambda: annotations.update_annotation(place.app, place.owner, 999, {}),
        lambda: annotations.delete_annotation(place.app, place.owner, 999),
        lambda: annotations.list_annotations(place.app, place.owner, 999),
    ):
        with pytest.raises(NotFound, match="999 does not exist"):
            act()


def test_a_stranger_may_neither_see_nor_change(place, task, people):
    made, app = save(place, task), place.app

    for act in (
        lambda: annotations.create_annotation(
            app, people.stranger, task, {"result": []}
        ),
        lambda: annotations.get_annotation(app, people.stranger, made.id),
        lambda: annotations.update_annotation(app, people.stranger, made.id, {}),
        lambda: annotations.delete_annotation(app, people.stranger, made.id),
    ):
        with pytest.raises(NotAllowed, match="do not have permission"):
            act()


# Counters


def test_the_counters_follow_every_change(place, task):
    first, seen = save(place, task), []
    seen.append(counters(place, task))
    second = save(place, task, was_cancelled=True)
    seen.append(counters(place, task))
    app, owner = place.app, place.owner
    annotations.update_annotation(app, owner, first.id, {"was_cancelled": True})
    seen.append(counters(place, task))
    annotations.update_annotation(app, owner, second.id, {"was_cancelled": False})
    seen.append(counters(place, task))
    annotations.delete_annotation(app, owner, second.id)
    seen.append(counters(place, task))
    annotations.delete_annotation(app, owner, first.id)
    seen.append(counters(place, task))

    assert seen == [
        {"task": (1, 0, True), "project": (1, 1)},
        {"task": (1, 1, True), "project": (1, 1)},
        {"task": (0, 2, False), "project": (0, 0)},
        {"task": (1, 1, True), "project": (1, 1)},
        {"task": (0, 1, False), "project": (0, 0)},
        {"task": (0, 0, False), "project": (0, 0)},
    ]


def test_a_task_is_finished_once_it_has_as_many_as_it_wants(place):
    projects.update_project(
        place.app, place.owner, place.project, {"maximum_annotations": 2}
    )
    task = tasks.create_task(place.app, place.owner, place.project, {"n": 1}).id

    finished = []
    for _ in range(3):
        save(place, task)
        finished.append(counters(place, task)["project"][1])

    assert finished == [0, 1, 1]


def test_annotations_of_one_task_at_once_are_all_counted(place, task):
    acts = [lambda n=n: save(place, task, was_cancelled=n % 3 == 0) for n in range(9)]

    outcomes = run_at_once(*acts)

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert counters(place, task) == recount(place, task)
    assert counters(place, task)["task"] == (6, 3, True)


def test_one_annotation_changed_by_many_at_once_is_counted_once(place, task):
    made = save(place, task)
    change, app, owner = annotations.update_annotation, place.app, place.owner
    acts = [
        lambda n=n: change(app, owner, made.id, {"was_cancelled": n % 2 == 0})
        for n in range(10)
    ]

    outcomes = run_at_once(*acts)

    assert [o for o in outcomes if isinstance(o, Exception)] == []
    assert counters(place, task) == recount(place, task)
    with app.database.read() as session:
        assert session.get(Annotation, made.id).version == 11


def test_one_annotation_deleted_by_many_at_once_is_counted_once(place, task):
    made = save(place, task)
    save(place, task)
    app, owner = place.app, place.owner
    acts = [lambda: annotations.delete_annotation(app, owner, made.id)] * 6

    outcomes = run_at_once(*acts)

    assert sum(outcome is None for outcome in outcomes) == 1
    assert {type(o) for o in outcomes if o is not None} == {NotFound}
    assert counters(place, task) == recount(place, task)


@pytest.mark.parametrize("in_task_mode", [False, True])
def test_everything_at_once_ends_with_the_right_counters_and_no_deadlock(
    open_app, installation, build_workplace, in_task_mode
):
    app = open_app(installation, future_save_task_to_storage=in_task_mode)
    place = build_workplace(app)
    place.add_export(can_delete_objects=True)
    task, doomed = (
        tasks.create_task(app, place.owner, place.project, {"n": n}).id for n in "ab"
    )
    made = [save(place, task) for _ in range(4)]
    lost = [save(place, doomed) for _ in range(2)]
    change, delete = annotations.update_annotation, annotations.delete_annotation

    outcomes = run_at_once(
        *[lambda: save(place, task)] * 3,
        *[lambda: save(place, doomed)] * 2,
        lambda: change(app, place.owner, made[0].id, {"was_cancelled": True}),
        lambda: change(app, place.owner, made[0].id, {"was_cancelled": False}),
        lambda: delete(app, place.owner, made[1].id),
        lambda: change(app, place.owner, made[1].id, {"lead_time": 1}),
        lambda: change(app, place.owner, lost[0].id, {"was_cancelled": True}),
        lambda: delete(app, place.owner, lost[1].id),
        lambda: tasks.delete_task(app, place.owner, doomed),
        lambda: tasks.create_task(app, place.owner, place.project, {"n": "c"}),
        lambda: tasks.update_task(app, place.owner, task, {"data": {"n": "d"}}),
    )

    raised = {type(o) for o in outcomes if isinstance(o, Exception)}
    assert raised <= {NotFound}
    assert counters(place, task) == recount(place, task)
    with app.database.read() as session:
        project = session.get(Project, place.project)
        assert project.task_number == 2
        changes = 3 + 1 + 2 + 1 + 1  # new, deleted, changed, changed or not, edited
        assert session.get(Task, task).version in {
            1 + 4 + changes - 1, 1 + 4 + changes,
        }  # fmt: skip
