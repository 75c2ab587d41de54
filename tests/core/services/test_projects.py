from __future__ import annotations

import pytest
from sqlmodel import select

from labeldock.contract import InvalidInput, NotAllowed, NotFound
from labeldock.db.tables import Annotation, ImportLink, Project, Run, Storage, Task
from labeldock.services import annotations, deleting, projects, tasks
from labeldock.services.tasks import TaskQuery
from tests.core.concurrency import run_at_once


def test_whoever_creates_a_project_owns_it(app, people):
    made = projects.create_project(app, people.owner, {"title": "Birds"})

    assert projects.get_project(app, people.owner, made.id) == made
    assert projects.list_projects(app, people.owner) == ([made], 1)
    assert projects.list_projects(app, people.admin) == ([made], 1)
    assert projects.list_projects(app, people.stranger) == ([], 0)
    with pytest.raises(NotAllowed, match="do not have permission"):
        projects.get_project(app, people.stranger, made.id)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": "ab"}, "title"),
        ({"title": "x" * 51}, "title"),
        ({"title": 5}, "title"),
        ({"title": "a\0bc"}, "title"),
        ({"description": ["a"]}, "description"),
        ({"label_config": "<a>\0</a>"}, "label_config"),
        ({"maximum_annotations": 0}, "maximum_annotations"),
        ({"maximum_annotations": True}, "maximum_annotations"),
        ({"maximum_annotations": 2**31}, "maximum_annotations"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(sqlite_place, values, field):
    place = sqlite_place
    before = projects.get_project(place.app, place.owner, place.project)

    for act in (
        lambda: projects.create_project(place.app, place.owner, values),
        lambda: projects.update_project(
            place.app, place.owner, place.project, {"description": "new", **values}
        ),
    ):
        with pytest.raises(InvalidInput, match="cannot be saved") as caught:
            act()
        assert [problem.field for problem in caught.value.problems] == [field]
    assert projects.get_project(place.app, place.owner, place.project) == before


def test_a_deleted_project_takes_all_its_rows_with_it_and_leaves_the_bucket(
    place, bucket
):
    bucket.put("a.json", '[{"n": 1}, {"n": 2}]')
    place.sync(place.add())
    place.add_export()
    page = tasks.list_tasks(place.app, place.owner, TaskQuery(place.project))
    annotations.create_annotation(
        place.app, place.owner, page.tasks[0].id, {"result": []}
    )

    projects.delete_project(place.app, place.owner, place.project)

    with place.app.database.read() as session:
        for table in (Project, Storage, Task, Annotation, ImportLink, Run):
            assert session.exec(select(table)).all() == []
    assert bucket.keys() == ["a.json"]


# Tasks


def create(place, data):
    return tasks.create_task(place.app, place.owner, place.project, data)


def test_tasks_are_numbered_within_their_project_and_shown_in_order(place):
    made = [create(place, {"n": n}) for n in range(5)]

    page = tasks.list_tasks(
        place.app, place.owner, TaskQuery(place.project, offset=1, limit=2)
    )

    assert [task.inner_id for task in made] == [1, 2, 3, 4, 5]
    assert page.tasks == made[1:3]
    assert page.total == 5


def test_tasks_made_at_once_are_all_counted_and_numbered_once(place):
    made = run_at_once(*[lambda: create(place, {"n": 1})] * 8)

    assert sorted(task.inner_id for task in made) == list(range(1, 9))
    shown = projects.get_project(place.app, place.owner, place.project)
    assert shown.task_number == 8


@pytest.mark.parametrize("data", ["text", None, 5, {}, []])
def test_what_is_no_task_is_refused(sqlite_place, data):
    with pytest.raises(InvalidInput, match="object or list") as caught:
        create(sqlite_place, data)

    assert caught.value.field == "data"


def test_an_imported_task_tells_where_it_comes_from(place, bucket):
    bucket.put("a.json", '[{"n": 1}, {"n": 2}]')
    bucket.put("b.json", '{"n": 3}')
    storage = place.add()
    place.sync(storage)

    page = tasks.list_tasks(place.app, place.owner, TaskQuery(place.project))

    assert [(t.storage_id, t.key, t.row_index) for t in page.tasks] == [
        (storage.id, "a.json", 0),
        (storage.id, "a.json", 1),
        (storage.id, "b.json", None),
    ]
    handmade = create(place, {"n": 4})
    assert (handmade.storage_id, handmade.key) == (None, None)


def test_deleting_tasks_counts_the_project_anew(place):
    made = [create(place, {"n": n}) for n in range(3)]
    for task in made[:2]:
        annotations.create_annotation(place.app, place.owner, task.id, {"result": []})

    def totals():
        shown = projects.get_project(place.app, place.owner, place.project)
        return (
            shown.task_number,
            shown.finished_task_number,
            shown.total_annotations_number,
        )

    tasks.delete_task(place.app, place.owner, made[0].id)
    assert totals() == (2, 1, 1)
    deleting.delete_all_tasks(place.app, place.owner, place.project)
    assert totals() == (0, 0, 0)
    with pytest.raises(NotFound, match="does not exist"):
        tasks.get_task(place.app, place.owner, made[1].id)


def test_a_task_is_changed_as_given(place, people):
    made = create(place, {"n": 1})

    changed = tasks.update_task(
        place.app, place.owner, made.id, {"data": {"n": 2}, "meta": {"m": 1}}
    )

    assert (changed.data, changed.meta) == ({"n": 2}, {"m": 1})
    assert tasks.get_task(place.app, place.owner, made.id) == changed
    with pytest.raises(InvalidInput, match="object or list"):
        tasks.update_task(place.app, place.owner, made.id, {"data": "text"})
    with pytest.raises(NotAllowed, match="do not have permission"):
        tasks.update_task(place.app, people.stranger, made.id, {"data": {}})
