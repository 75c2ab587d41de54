"""Every refusal of media: its status, its stable code, and nothing about the inside."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    InvalidKey,
    ObjectNotFound,
    OperationTimeout,
    RateLimited,
    Unauthenticated,
    Unavailable,
    hookimpl,
)
from labeldock.services import projects, tasks
from labeldock.services.resolving.media import NOT_CONNECTED
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from tests.system.conftest import build_app
from tests.system.media_serving import TapProvider, media_path, wait_until

URI = "memory://media/gull.jpg"


@pytest.fixture
def memory():
    provider = TapProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def storage(connect, put_object):
    put_object("gull.jpg", b"a gull", "image/jpeg")
    return connect(presign=False)


@pytest.fixture
def path(storage, task):
    return media_path("task", task.id, URI)


def code(response):
    body = response.json()
    assert body["status_code"] == response.status_code
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, body.get("code")


@pytest.mark.parametrize("part_of", ["task", "project"])
@pytest.mark.parametrize("verb", ["resolve", "presign"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_media_are_served_on_every_path(
    client, auth, storage, task, project, part_of, verb, slash
):
    number = task.id if part_of == "task" else project.id
    path = media_path(part_of, number, URI, verb).replace("/?", f"{slash}?")

    response = client.get(path, headers=auth)

    assert (response.status_code, response.content) == (200, b"a gull")


def test_nobody_is_served_without_a_login(client, path):
    response = client.get(path)

    assert code(response) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Token"
    assert client.head(path).status_code == 401


def test_a_person_who_is_not_logged_in_is_sent_to_the_login(client, path):
    response = client.get(path, headers={"Accept": "text/html"})

    assert response.status_code == 303
    assert response.headers["location"].startswith("/user/login/")


def test_a_stranger_is_refused(client, path, stranger):
    response = client.get(path, headers=stranger.headers)

    assert code(response) == (403, "permission_denied")


@pytest.mark.parametrize(
    "query",
    ["", "?fileuri=", "?fileuri=!!!", "?fileuri=abcd", f"?fileuri={'x' * 65_000}"],
)
def test_a_malformed_fileuri_is_told_as_one(client, auth, task, query):
    response = client.get(f"/tasks/{task.id}/resolve/{query}", headers=auth)

    assert code(response) == (400, "invalid_input")
    assert "fileuri" in response.json()["detail"]


@pytest.mark.parametrize(
    "uri",
    [
        "memory://media/other.jpg",  # the task does not refer to it
        "memory://elsewhere/gull.jpg",
        "s3://media/gull.jpg",
        "memory://media/../media/gull.jpg",
    ],
)
def test_what_the_task_does_not_give_is_not_found(client, auth, task, storage, uri):
    response = client.get(media_path("task", task.id, uri), headers=auth)

    assert code(response) == (404, "not_found")


@pytest.mark.parametrize("number", [999_999, 2**63, 10**30])
@pytest.mark.parametrize("part_of", ["task", "project"])
def test_what_does_not_exist_is_not_found(client, auth, storage, part_of, number):
    response = client.get(media_path(part_of, number, URI), headers=auth)

    assert code(response) == (404, "not_found")


def test_a_storage_of_another_tenant_is_not_reached(app, client, storage, stranger):
    mine = projects.create_project(app, stranger.principal, {"title": "Mine"})
    task = tasks.create_task(app, stranger.principal, mine.id, {"image": URI})

    for path in (media_path("task", task.id, URI), media_path("project", mine.id, URI)):
        response = client.get(path, headers=stranger.headers)
        assert code(response) == (404, "not_found")


def test_a_key_outside_the_prefix_is_not_served(
    client, auth, connect, put_object, project
):
    put_object("in/a.jpg")
    put_object("out.jpg")
    connect(presign=False, prefix="in")

    def get(key):
        path = media_path("project", project.id, f"memory://media/{key}")
        return client.get(path, headers=auth).status_code

    assert [get("in/a.jpg"), get("out.jpg"), get("in/../out.jpg")] == [200, 404, 404]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ObjectNotFound("no secret-bucket"), 404),
        (InvalidKey("no secret-bucket"), 404),
        (RateLimited("no secret-bucket", retry_after=7), 429),
        (OperationTimeout("no secret-bucket"), 504),
        (Unavailable("no secret-bucket"), 424),
        (AccessDenied("no secret-bucket"), 424),
        (Unauthenticated("no secret-bucket"), 424),
        (ContainerNotFound("no secret-bucket"), 424),
        (RuntimeError("no secret-bucket"), 424),
    ],
)
def test_a_failure_of_the_storage_has_its_status_and_keeps_its_details(
    client, auth, path, memory, error, status
):
    memory.errors["gull.jpg"] = error

    response = client.get(path, headers=auth)

    expected = getattr(error, "code", "provider_crash")
    assert code(response) == (status, expected)
    assert "secret" not in response.text
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)


def test_a_storage_whose_provider_is_gone_is_not_connected(home, path, auth):
    app = build_app(home, build_catalog())
    try:
        with TestClient(create_app(app)) as client:
            answer = client.get(path, headers=auth)
            assert code(answer) == (409, "storage_not_connected")
            assert answer.json()["detail"].startswith(NOT_CONNECTED)
    finally:
        app.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_media_are_only_read(client, auth, path, method):
    response = client.request(method, path, headers=auth)

    assert response.status_code in {403, 405}


@pytest.mark.parametrize("token", ["x", "x.y", "a" * 5000, "%00", "%2e%2e"])
def test_a_forged_link_is_refused(client, token):
    response = client.get(f"/media/{token}")

    assert response.status_code in {403, 404}
    assert json.loads(response.content)["status_code"] == response.status_code


# Who watches


class Observer:
    def __init__(self):
        self.events = []

    @hookimpl
    def after_media_served(self, event):
        self.events.append(event)
        raise RuntimeError("an observer's mistake")


@pytest.fixture
def observer():
    return Observer()


@pytest.fixture
def catalog(memory, observer):
    return build_catalog(memory, plugins={"observer": observer})


def test_observers_are_told_what_was_served(
    client, auth, path, observer, storage, task, owner
):
    client.get(path, headers=auth)
    client.get(path, headers={**auth, "Range": "bytes=2-"})

    wait_until(lambda: len(observer.events) == 2)
    part, whole = sorted(observer.events, key=lambda event: event.length)
    assert (whole.storage_id, whole.key) == (storage.id, "gull.jpg")
    assert (whole.user_id, whole.task_id) == (owner.principal.user_id, task.id)
    assert (whole.mode, whole.length, part.length) == ("stream", 6, 4)


def test_observers_are_not_told_of_what_was_not_served(client, auth, path, observer):
    etag = client.head(path, headers=auth).headers["etag"]
    client.get(path, headers={**auth, "If-None-Match": etag})
    client.get(path, headers={**auth, "Range": "bytes=100-"})

    assert observer.events == []
