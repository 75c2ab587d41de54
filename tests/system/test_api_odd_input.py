"""Whatever is sent to whichever route, the answer is never a server error.

The requests are drawn at random from what clients get wrong; the seed names a failure.
"""

from __future__ import annotations

import random
import re

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from labeldock.contract import Purpose
from labeldock.db import schema
from labeldock.services import access, projects, storages, tasks
from labeldock.services.annotations import create_annotation
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.tokens import TokenWish, create_key
from labeldock.web.app import create_app
from tests.system.conftest import BUCKET, build_app

REQUESTS = 500
PARAMETER = re.compile(r"\{\w+(?::(\w+))?\}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NUMBERS = ("1", "1", "1", "2", "99", "9" * 30)
WORDS = ("x", "1", "%00", "é", "a/b")
ODD = (
    None, True, 0, 1, -1, 2**63 - 1, 2**63, 2**70, 1.5, 1e308, "", "x", "1", " 1 ", "²",
    "é😀", "a" * 3000, "\u2028", "a\0b", "\x1b", [], {}, [1], {"a": 1}, [[]], "[]",
    "{}", "null", "true", "(", "(?=a)", "../..", "/etc", {"data": {}},
)  # fmt: skip
FIELDS = (
    "project", "data", "meta", "result", "was_cancelled", "ground_truth", "lead_time",
    "title", "description", "label_config", "maximum_annotations", "bucket", "path",
    "prefix", "literal_prefix", "synchronizable", "regex_filter", "use_blob_urls",
    "recursive_scan", "presign", "presign_ttl", "can_delete_objects", "id", "status",
    "email", "password", "next",
)  # fmt: skip
QUERY = (
    "project", "view", "page", "page_size", "query", "resolve_uri", "storage", "limit",
    "after", "fileuri", "next", "fields",
)  # fmt: skip


PAGES = "/api/docs"  # the one part of the API's paths that is for people
KINDS = {"application/json"}


@pytest.fixture
def filled(database_url, tmp_path, catalog, put_object):
    """An installation with one of each kind, on either database; and a token."""
    put_object("a.jpg")
    settings = {"database_url": database_url, "secret_key": "k" * 32}
    app = build_app(tmp_path / "other", catalog, **settings)
    schema.upgrade(app.database)
    user = access.create_user(app, "me@example.org", "password")
    project = projects.create_project(app, user, {"title": "Birds"})
    task = tasks.create_task(app, user, project.id, {"image": "memory://media/a.jpg"})
    create_annotation(app, user, task.id, {"result": []})
    for purpose in Purpose:
        values = {"bucket": BUCKET, "use_blob_urls": True}
        draft = StorageDraft(project.id, purpose, "memory", values)
        storages.add_storage(app, user, draft)
    yield app, create_key(app, user, TokenWish())[1]
    app.close()


@pytest.mark.parametrize("seed", range(2))
def test_no_request_makes_a_server_error(filled, seed):
    app, token = filled
    draw = random.Random(seed)
    web = create_app(app)
    paths = [route.path for route in web.routes if isinstance(route, Route)]
    failed = []
    with TestClient(web, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Token {token}"
        for _ in range(REQUESTS):
            request = build_request(draw, draw.choice(paths))
            answer = client.request(**request, follow_redirects=False)
            kind = answer.headers.get("content-type", "").partition(";")[0]
            is_page = request["url"].startswith(PAGES) and kind == "text/html"
            is_known = kind in KINDS or is_page
            is_wrong = request["url"].startswith("/api/") and not is_known
            if answer.status_code >= 500 or (answer.content and is_wrong):
                failed.append((request, answer.text[:200]))

    assert failed == []


def build_request(draw, path):
    def fill(parameter):
        return draw.choice(NUMBERS if parameter[1] == "int" else WORDS)

    body = {draw.choice(FIELDS): draw.choice(ODD) for _ in range(draw.randint(0, 4))}
    query = {
        draw.choice(QUERY): str(draw.choice(ODD)) for _ in range(draw.randint(0, 3))
    }
    if draw.random() < 0.6:
        body["project"] = query["project"] = 1
    if draw.random() < 0.5:
        body |= {"bucket": BUCKET, "use_blob_urls": True}
    is_form = draw.random() < 0.1
    return {
        "method": draw.choice(METHODS),
        "url": PARAMETER.sub(fill, path),
        "params": query,
        "headers": {"Accept": draw.choice(["text/html", "*/*"])},
        "data" if is_form else "json": (
            {name: str(value) for name, value in body.items()} if is_form else body
        ),
    }
