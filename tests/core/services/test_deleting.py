"""Many tasks are removed page by page, and the counters stay right all the time."""

from __future__ import annotations

import pytest
from sqlmodel import func, select

from labeldock.contract.errors import NotAllowed, NotFound
from labeldock.db.tables import ImportLink, Task
from labeldock.services import annotations, deleting, projects
from labeldock.services.deleting import delete_all_tasks, delete_tasks
from labeldock.services.task_selection import TaskSelection
from labeldock.services.tasks import create_task

OPINIONS = '"annotations": [{"result": []}], "predictions": [{"result": []}]'
ROW = f'{{"data": {{"n": 1}}, {OPINIONS}}}'


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(deleting, "PAGE", 3)


@pytest.fixture
def filled(place, bucket):
    """Ten tasks with an annotation and a prediction each."""
    bucket.put_all(dict.fromkeys((f"{n}.json" for n in range(10)), ROW))
    place.sync(place.add())
    return place


def delete(place, **selected):
    selection = TaskSelection(**selected)
    return delete_tasks(place.app, place.owner, place.project, selection)


def list_tasks(place):
    with place.app.database.read() as session:
        return list(session.exec(select(Task.id).order_by(Task.id)))


def read_counters(place):
    shown = projects.get_project(place.app, place.owner, place.project)
    return (
        shown.task_number,
        shown.finished_task_number,
        shown.total_annotations_number,
        shown.total_predictions_number,
    )


def test_all_go_with_their_links_and_counters(filled):
    assert delete_all_tasks(filled.app, filled.owner, filled.project) == 10

    assert read_counters(filled) == (0, 0, 0, 0)
    with filled.app.database.read() as session:
        assert session.exec(select(func.count()).select_from(ImportLink)).one() == 0


def test_what_is_excluded_stays_and_is_counted(filled):
    ids = list_tasks(filled)
    kept = [ids[0], ids[4], ids[9]]

    assert delete(filled, excluded=tuple(kept)) == 7

    assert list_tasks(filled) == kept
    assert read_counters(filled) == (3, 3, 3, 3)


def test_numbers_of_no_task_are_passed_over(filled):
    ids = list_tasks(filled)
    included = (*ids[2:7], ids[2], 0, -1, 10**30)

    assert delete(filled, included=included) == 5
    assert list_tasks(filled) == [*ids[:2], *ids[7:]]


def test_tasks_made_meanwhile_stay(filled, monkeypatch):
    remove, made = deleting._remove_page, []

    def remove_and_make(app, principal, project_id, page):
        task = create_task(app, filled.owner, project_id, {"n": 1})
        made.append(task.id)
        return remove(app, principal, project_id, page)

    monkeypatch.setattr(deleting, "_remove_page", remove_and_make)

    assert delete_all_tasks(filled.app, filled.owner, filled.project) == 10
    assert list_tasks(filled) == made
    assert read_counters(filled)[0] == len(made) == 4


def test_what_was_interrupted_goes_on_when_it_is_asked_for_again(filled, monkeypatch):
    remove, calls = deleting._remove_page, []

    def remove_once(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return remove(*given)

    with monkeypatch.context() as patch:
        patch.setattr(deleting, "_remove_page", remove_once)
        with pytest.raises(KeyboardInterrupt):
            delete_all_tasks(filled.app, filled.owner, filled.project)

    assert read_counters(filled) == (7, 7, 7, 7)
    assert delete_all_tasks(filled.app, filled.owner, filled.project) == 7
    assert read_counters(filled) == (0, 0, 0, 0)


def test_who_labels_meanwhile_is_not_miscounted(filled):
    ids = list_tasks(filled)
    annotations.create_annotation(filled.app, filled.owner, ids[0], {"result": []})

    delete(filled, included=tuple(ids[:1]))

    assert read_counters(filled) == (9, 9, 9, 9)


def test_strangers_remove_nothing(filled, people):
    with pytest.raises((NotAllowed, NotFound)):
        delete_all_tasks(filled.app, people.stranger, filled.project)

    assert len(list_tasks(filled)) == 10
