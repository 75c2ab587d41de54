"""Pages of tasks: found by where the last one ended, whatever is looked for."""

from __future__ import annotations

import pytest
from sqlmodel import col, update

from labeldock.contract import NotAllowed, NotFound
from labeldock.db.tables import ImportLink, Outbox, Task
from labeldock.services import annotations, task_walk, tasks
from labeldock.services.task_walk import (
    Mark,
    TaskFilter,
    find_neighbours,
    list_sources,
    walk_tasks,
)


@pytest.fixture
def filled(place, bucket):
    """Ten tasks of a storage, whose keys are not in the order of the tasks; one by
    hand."""
    bucket.put_all({f"b/{number}.jpg": b"x" for number in range(5)})
    storage = place.add(use_blob_urls=True, recursive_scan=True, title="Coast")
    place.sync(storage)
    bucket.put_all({f"a/{number}.jpg": b"x" for number in range(5)})
    place.sync(storage)
    tasks.create_task(place.app, place.owner, place.project, {"n": 1})
    return storage


def walk(place, start=None, limit=4, **chosen):
    return walk_tasks(
        place.app, place.owner, place.project, TaskFilter(**chosen), start, limit=limit
    )


def walk_all(place, limit=4, **chosen):
    """All pages there and back: the tasks, which have to be the same both ways."""
    pages, start = [], None
    while True:
        page = walk(place, start, limit, **chosen)
        pages.append(page)
        if page.after is None:
            break
        start = Mark(page.after)
        assert len(pages) < 100
    there = [each for page in pages for each in page.ids]
    back = list(pages[-1].ids)
    before = pages[-1].before
    while before is not None:
        page = walk(place, Mark(before, is_back=True), limit, **chosen)
        back = [*page.ids, *back]
        before = page.before
    assert back == there
    return there


def test_every_task_is_on_one_page(place, filled):
    for limit in (1, 4, 11, 50):
        found = walk_all(place, limit)

        assert found == sorted(found)
        assert len(found) == 11


def test_the_tasks_of_a_storage_come_in_the_order_of_its_keys(place, filled):
    found = walk_all(place, storage_id=filled.id)

    views = tasks.list_briefs(place.app, place.owner, place.project, found)
    keys = [each.key for each in views]
    assert keys == sorted(keys)
    assert len(keys) == 10
    assert keys[0] == "a/0.jpg"


def test_keys_are_looked_for_by_how_they_begin(place, filled):
    for storage in (filled.id, None):
        found = walk_all(place, prefix="a/", storage_id=storage)
        views = tasks.list_briefs(place.app, place.owner, place.project, found)
        assert [each.key for each in views] == [
            f"a/{number}.jpg" for number in range(5)
        ]
        assert walk_all(place, prefix="nothing", storage_id=storage) == []


def test_tasks_are_looked_for_by_their_labels(place, filled):
    known = walk_all(place)
    for number, skips in ((known[1], False), (known[4], True)):
        values = {"result": [], "was_cancelled": skips}
        annotations.create_annotation(place.app, place.owner, number, values)

    assert walk_all(place, state="labelled") == [known[1]]
    assert walk_all(place, state="skipped") == [known[4]]
    assert walk_all(place, state="unlabelled") == known[:1] + known[2:]
    assert walk_all(place, state="labelled", storage_id=filled.id) == [known[1]]


def test_tasks_are_looked_for_by_what_is_wrong(place, filled):
    known = walk_all(place)
    with place.app.database.write() as session:
        gone = col(ImportLink.task_id) == known[2]
        session.execute(update(ImportLink).where(gone).values(object_exists=False))
        changed = col(ImportLink.task_id) == known[3]
        session.execute(update(ImportLink).where(changed).values(object_changed=True))
    place.add_export(prefix="out")
    for number in known[5:7]:
        values = {"result": []}
        annotations.create_annotation(place.app, place.owner, number, values)
    with place.app.database.write() as session:
        failed = col(Outbox.task_id) == known[5]
        session.execute(update(Outbox).where(failed).values(has_failed=True))

    assert walk_all(place, trouble="vanished") == [known[2]]
    assert walk_all(place, trouble="changed") == [known[3]]
    assert walk_all(place, trouble="export") == [known[5]]
    assert walk_all(place, trouble="export", state="unlabelled") == []


def test_a_look_is_bounded_and_says_where_to_go_on(place, filled, monkeypatch):
    monkeypatch.setattr(task_walk, "WINDOW", 3)
    known = walk_all(place)
    with place.app.database.write() as session:
        chosen = col(Task.id).in_([known[1], known[9]])
        session.execute(update(Task).where(chosen).values(cancelled_annotations=1))

    first = walk(place, state="skipped")
    second = walk(place, Mark(first.after), state="skipped")
    assert (first.ids, first.is_partial) == ([known[1]], True)
    assert (second.ids, second.is_partial) == ([], True)
    assert walk_all_onward(place, state="skipped") == [known[1], known[9]]
    with_storage = walk_all_onward(place, state="skipped", storage_id=filled.id)
    assert sorted(with_storage) == [known[1], known[9]]


def walk_all_onward(place, **chosen):
    found, start = [], None
    while True:
        page = walk(place, start, **chosen)
        found += page.ids
        if page.after is None:
            return found
        start = Mark(page.after)


def test_a_mark_that_is_gone_leads_to_the_beginning(sqlite_place, bucket):
    place = sqlite_place
    bucket.put("a.jpg")
    storage = place.add(use_blob_urls=True)
    place.sync(storage)

    assert len(walk(place, Mark(999), storage_id=storage.id).ids) == 1
    assert walk(place, Mark(999)).ids == []


def test_only_what_is_of_the_project_is_shown(sqlite_place, people):
    place = sqlite_place

    with pytest.raises(NotFound, match="Storage 99"):
        walk(place, storage_id=99)
    for act in (walk_tasks, find_neighbours):
        with pytest.raises(NotAllowed):
            act(place.app, people.stranger, place.project, TaskFilter())
    with pytest.raises(NotAllowed):
        list_sources(place.app, people.stranger, place.project)


def test_a_task_has_neighbours(place, filled):
    known = walk_all(place)

    def beside(inner_id):
        found = find_neighbours(place.app, place.owner, place.project, inner_id)
        return (found.previous, found.next)

    assert beside(1) == (None, known[1])
    assert beside(2) == (known[0], known[2])
    assert beside(11) == (known[9], None)
    assert list_sources(place.app, place.owner, place.project) == [(filled.id, "Coast")]
