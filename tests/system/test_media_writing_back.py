"""Media URLs never get into the database, whatever a client sends back."""

from __future__ import annotations

import pytest

from labeldock.services import tasks
from tests.system.media_serving import media_path

URI = "memory://media/a b.jpg"
DATA = {"image": URI, "html": f'<img src="{URI}"> see memory://media/c.jpg.', "n": 1}


@pytest.fixture
def storage(connect, put_object):
    put_object("a b.jpg")
    return connect()


@pytest.fixture
def task(app, owner, project, storage):
    return tasks.create_task(app, owner.principal, project.id, DATA)


def read_stored(app, owner, number):
    return tasks.get_task(app, owner.principal, number).data


def test_a_task_patched_with_what_was_read_is_stored_as_it_was(
    app, client, auth, owner, task
):
    shown = client.get(f"/api/tasks/{task.id}/", headers=auth).json()
    assert "resolve" in shown["data"]["image"]

    body = {"data": {**shown["data"], "n": 2}, "meta": {"seen": True}}
    answer = client.patch(f"/api/tasks/{task.id}/", json=body, headers=auth)

    assert answer.status_code == 200
    assert answer.json()["data"] == {**DATA, "n": 2}
    assert read_stored(app, owner, task.id) == {**DATA, "n": 2}


@pytest.mark.parametrize("base", ["", "http://testserver"])
def test_a_task_made_of_what_was_read_is_stored_with_uris(
    app, client, auth, owner, project, task, base
):
    url = f"{base}{media_path('task', task.id, URI)}"

    body = {"project": project.id, "data": {"image": url, "text": f"see <{url}>"}}
    answer = client.post("/api/tasks/", json=body, headers=auth)

    stored = read_stored(app, owner, answer.json()["id"])
    assert stored == {"image": URI, "text": f"see <{URI}>"}


def test_a_url_that_cannot_be_turned_back_is_refused(client, auth, task):
    url = media_path("task", task.id, "memory://media/x y")

    body = {"data": {"text": f"somewhere {url} there"}}
    answer = client.patch(f"/api/tasks/{task.id}/", json=body, headers=auth)

    assert answer.status_code == 400
    assert "resolve_uri=false" in answer.json()["validation_errors"]["data"][0]


def test_reading_without_resolving_shows_what_is_stored(client, auth, task, project):
    one = f"/api/tasks/{task.id}/?resolve_uri=false"
    many = f"/api/tasks/?project={project.id}&resolve_uri=false"

    assert client.get(one, headers=auth).json()["data"] == DATA
    assert client.get(many, headers=auth).json()["tasks"][0]["data"] == DATA


def test_a_stranger_learns_nothing_by_sending(client, stranger, task):
    body = {"data": {"image": "x"}}
    answer = client.patch(f"/api/tasks/{task.id}/", json=body, headers=stranger.headers)

    assert answer.status_code == 403
