"""Every route checks who asks. The route table is walked, so that none is forgotten."""

from __future__ import annotations

import re
import time
from functools import partial

import anyio
import pytest
from starlette.routing import Route

from labeldock.contract import NotAuthenticated, Purpose
from labeldock.services import access
from labeldock.services.annotations import create_annotation
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.services.tokens import TokenWish, create_key, revoke_key
from labeldock.web.app import create_app
from labeldock.web.authentication import is_public
from labeldock.web.callers import CallerCache

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What a signed URL leads to needs no login: the signature is one. Buckets bring the
# token of their storage.
OPEN = {
    "/health", "/ready",
    "/api/version", "/user/login/", "/media/{token}", "/api/token/refresh",
    "/api/events/{id:int}",
    "/user/link/{token}", "/user/invitation/{token}",
    "/user/openid/", "/user/openid/callback", "/user/openid/logout",
}  # fmt: skip
MEDIA = {"fileuri": encode_fileuri("memory://media/a.jpg")}
BODY = {"result": [], "user": 1, "role": "viewer", "schedule": "@daily"}
BODY["export_type"] = "JSON"
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest.fixture
def routes(app):
    return [route for route in create_app(app).routes if isinstance(route, Route)]


def test_only_these_routes_of_ours_are_open(routes):
    assert {route.path for route in routes if is_public(route)} == OPEN


def test_no_route_answers_without_a_login(client, routes):
    answers = {}
    for route in routes:
        path = PARAMETER.sub("1", route.path)
        for method in METHODS if not is_public(route) else ():
            answer = client.request(method, path)
            answers[f"{method} {path}"] = answer.status_code

    refused = {status for status in answers.values() if status != 405}
    assert len(answers) > 100
    assert refused == {401}


@pytest.fixture
def belongings(app, owner, project, task, connect, put_object, sync):
    """Something of each kind that is the owner's: the beginning of its path -> id."""
    put_object("a.jpg")
    imported, exported = connect(), connect(Purpose.EXPORT)
    run = sync(imported)
    annotation = create_annotation(app, owner.principal, task.id, {"result": []})
    return {
        "/api/projects": project.id,
        "/projects": project.id,
        "/api/tasks": task.id,
        "/tasks": task.id,
        "/api/annotations": annotation.id,
        "/api/runs": run.id,
        "/api/storages/export": exported.id,
        "/api/storages": imported.id,
    }


def test_nothing_of_somebody_else_can_be_reached_by_its_number(
    client, routes, belongings, stranger, auth
):
    statuses = {}
    for route in routes:
        start = next((p for p in belongings if route.path.startswith(p)), None)
        if start is None or "{id" not in route.path:
            continue
        path = PARAMETER.sub(str(belongings[start]), route.path)
        for method in METHODS:
            answer = client.request(
                method, path, headers=stranger.headers, params=MEDIA, json=BODY
            )
            statuses[f"{method} {path}"] = answer.status_code

    assert len(statuses) > 50
    assert {w: s for w, s in statuses.items() if s not in {403, 405}} == {}
    assert client.get("/api/projects", headers=auth).json()["count"] == 1


LISTS = (
    "/api/tasks",
    "/api/runs",
    "/api/storages",
    "/api/storages/export",
    "/api/storages/memory",
    "/api/storages/export/memory",
)


@pytest.mark.parametrize("path", LISTS)
def test_no_list_shows_what_is_of_somebody_else(client, project, stranger, path):
    query = {"project": project.id}

    answer = client.get(path, params=query, headers=stranger.headers)

    assert answer.status_code == 403


ADDITIONS = (
    ("/api/tasks", {"data": {"text": "x"}}),
    ("/api/storages/memory", {"bucket": "media"}),
    ("/api/storages/memory/validate", {"bucket": "media"}),
    ("/api/storages/export/memory", {"bucket": "media"}),
    ("/api/storages/export/memory/validate", {"bucket": "media"}),
)


@pytest.mark.parametrize(("path", "body"), ADDITIONS)
def test_nothing_is_added_to_what_is_of_somebody_else(
    client, project, stranger, path, body
):
    body = {**body, "project": project.id}

    answer = client.post(path, json=body, headers=stranger.headers)

    assert answer.status_code == 403


def test_the_projects_of_somebody_else_are_not_listed(client, project, stranger):
    listed = client.get("/api/projects", headers=stranger.headers).json()

    assert listed["count"] == 0


def test_an_administrator_sees_every_project(client, project, admin):
    answer = client.get(f"/api/projects/{project.id}", headers=admin.headers)

    assert answer.status_code == 200


def test_a_token_is_taken_in_every_form_that_clients_send(client, owner):
    for headers in (
        {"Authorization": f"Token {owner.token}"},
        {"Authorization": f"Bearer {owner.token}"},
        {"Authorization": f"token  {owner.token} "},
        {"X-API-Key": owner.token},
    ):
        answer = client.get("/api/current-user/whoami", headers=headers)

        assert answer.json()["username"] == owner.email


REFUSED = {
    "none": ({}, "Authentication credentials were not provided."),
    "unknown": ({"Authorization": "Token 123"}, "Invalid token."),
    "empty": ({"Authorization": "Token "}, "Invalid token header."),
    "two": ({"Authorization": "Token a b"}, "Invalid token header."),
    "key": ({"X-API-Key": "123"}, "Invalid token."),
    "basic": (
        {"Authorization": "Basic YTpi"},
        "Authentication credentials were not provided.",
    ),
    "cookie": (
        {"Cookie": "labeldock_session=1.2.3"},
        "Authentication credentials were not provided.",
    ),
}


@pytest.mark.parametrize(("headers", "detail"), REFUSED.values(), ids=REFUSED)
def test_other_credentials_are_refused(client, headers, detail):
    answer = client.get("/api/projects", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["detail"] == detail


def test_a_revoked_token_is_refused_a_second_later(app, client, owner):
    _, token = create_key(app, owner.principal, TokenWish())
    headers = {"Authorization": f"Token {token}"}
    client.get("/api/projects", headers=headers)
    revoke_key(app, token)
    time.sleep(1.01)

    assert client.get("/api/projects", headers=headers).status_code == 401


class Lookups:
    """Looks people up through a cache, and counts how often they had to be loaded."""

    def __init__(self):
        self.now = 0.0
        self.loaded = []
        self.cache = CallerCache(lambda: self.now)

    def find(self, *names):
        anyio.run(self._find, names)
        return self.loaded

    async def _find(self, names):
        for name in names:
            await self.cache.find(name, partial(self._load, name))

    def _load(self, name):
        self.loaded.append(name)
        if name == "nobody":
            raise NotAuthenticated("Invalid token.")
        return access.Principal(1, name)


def test_a_caller_is_remembered_for_a_second():
    lookups = Lookups()

    assert lookups.find("a", "a", "b", "a") == ["a", "b"]
    lookups.now = 1.5
    assert lookups.find("a") == ["a", "b", "a"]


def test_a_refusal_is_not_remembered():
    lookups = Lookups()

    for _ in range(2):
        with pytest.raises(NotAuthenticated, match="Invalid token"):
            lookups.find("nobody")
    assert lookups.loaded == ["nobody", "nobody"]


def test_no_more_callers_are_remembered_than_a_page_of_memory_holds():
    lookups = Lookups()

    lookups.find(*map(str, range(1100)))

    assert len(lookups.cache._known) == 1024
