"""Whether only what is referred to is served is the operator's choice."""

from __future__ import annotations

import json

import pytest

from labeldock.contract import NotFound
from labeldock.services import tasks
from labeldock.services.resolving.media import MediaAsk, MediaDesk, Redirect, Stream

KEYS = ["a.jpg", 'odd "q" \\ ü&.jpg', "100%_[x].jpg", "日本.jpg", "other.jpg"]


@pytest.fixture
def storage(place, bucket):
    bucket.put_all(dict.fromkeys(KEYS, b"x"))
    return place.add(use_blob_urls=True, recursive_scan=True)


def ask(place, part_of, number, key):
    return MediaAsk(place.owner, part_of, number, f"memory://media/{key}")


def is_served(desk, asked):
    try:
        return isinstance(desk.prepare(asked), Stream | Redirect)
    except NotFound:
        return False


@pytest.fixture
def task(place, storage):
    data = {
        "image": "memory://media/a.jpg",
        "json": json.dumps({"x": f"memory://media/{KEYS[1]}"}),
        "html": '<img src="memory://media/100%_[x].jpg">',
        "list": ["see memory://media/日本.jpg"],
    }
    return tasks.create_task(place.app, place.owner, place.project, data)


def test_a_task_gives_only_what_it_refers_to_unless_it_need_not(
    open_app, place, installation, task
):
    usual = MediaDesk(open_app(installation), seconds=0)
    free = MediaDesk(open_app(installation, media_task_references=False), seconds=0)

    served = [is_served(usual, ask(place, "task", task.id, key)) for key in KEYS]
    assert served == [True, True, True, True, False]
    assert all(is_served(free, ask(place, "task", task.id, key)) for key in KEYS)


def test_a_project_gives_everything_unless_it_must_not(
    open_app, place, installation, task
):
    usual = MediaDesk(open_app(installation), seconds=0)
    strict = MediaDesk(open_app(installation, media_project_references=True), seconds=0)

    def list_served(desk):
        return [
            is_served(desk, ask(place, "project", place.project, key)) for key in KEYS
        ]

    assert list_served(usual) == [True] * 5
    assert list_served(strict) == [True, True, True, True, False]


def test_what_a_task_was_made_from_is_referred_to(
    open_app, place, installation, storage
):
    place.sync(storage)
    strict = MediaDesk(open_app(installation, media_project_references=True), seconds=0)

    assert all(is_served(strict, ask(place, "project", place.project, k)) for k in KEYS)
