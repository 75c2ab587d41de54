"""How errors are told: status, shape, and what they never say."""

from __future__ import annotations

import inspect

import pytest
from sqlalchemy.exc import OperationalError
from starlette.routing import Route
from starlette.testclient import TestClient

from labeldock.contract import errors
from labeldock.contract.errors import LabeldockError, StorageError
from labeldock.contract.values import Problem
from labeldock.web.app import create_app
from labeldock.web.problems import STATUSES, build_answer, find_status

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LabeldockError)
]
REPEATED_BY_CLIENTS = {408, 409, 429}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_a_status(kind):
    assert kind in STATUSES


@pytest.mark.parametrize("kind", [k for k in KINDS if issubclass(k, StorageError)])
def test_no_failure_of_a_storage_makes_clients_repeat_the_request(kind):
    status = find_status(kind("it failed"))

    assert 400 <= status < 500
    assert status not in REPEATED_BY_CLIENTS


def test_a_kind_of_a_plug_in_is_answered_like_its_base():
    class OfAPlugin(errors.ObjectNotFound):
        """Not in the tree."""

    assert find_status(OfAPlugin("gone")) == 404


def test_invalid_input_is_told_field_by_field_with_the_remedy():
    problems = [
        Problem("bucket", "Not found", "Create it."),
        Problem("bucket", "Too short."),
        Problem(None, "Nothing fits."),
    ]

    body = build_answer(errors.InvalidInput("no", problems=problems), "id").body

    assert body["detail"] == "Validation error"
    assert body["validation_errors"] == {
        "bucket": ["Not found. Create it.", "Too short."],
        "non_field_errors": ["Nothing fits."],
    }


def test_an_error_has_the_envelope_that_clients_know(client, auth):
    body = client.get("/api/projects/99", headers=auth).json()

    assert set(body) == {"id", "status_code", "version", "detail", "exc_info"}
    assert body["status_code"] == 404
    assert body["detail"] == "Project 99 does not exist."
    assert body["exc_info"] is None


def test_a_database_that_is_away_is_a_503_without_its_text():
    outage = OperationalError("SELECT secret", {}, Exception("at 10.0.0.7"))

    answer = build_answer(outage, "id")

    assert (answer.status, answer.headers) == (503, {"Retry-After": "2"})
    assert "try again" in answer.body["detail"]
    assert "secret" not in str(answer.body)
    assert "10.0.0.7" not in str(answer.body)


def test_the_range_and_the_wait_are_told_in_headers():
    ranged = build_answer(errors.InvalidRange("beyond", size=7), "id")
    limited = build_answer(errors.RateLimited("slow", retry_after=1.2), "id")

    assert ranged.headers == {"Content-Range": "bytes */7"}
    assert limited.headers == {"Retry-After": "2"}


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/projects/x", "/api"])
def test_an_unknown_path_below_the_api_is_json_even_for_a_browser(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "Not found."


def test_an_unknown_page_is_a_page(client):
    answer = client.get("/nowhere", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "<h1>Nothing here</h1>" in answer.text


def test_a_wrong_method_is_refused_and_the_right_ones_named(client, auth):
    answer = client.put("/api/projects", headers=auth)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["detail"] == 'Method "PUT" not allowed.'


BROKEN = {
    "cut": (b'{"title": ', "application/json"),
    "not UTF-8": (b'{"title": "\xff"}', "application/json"),
    "lone surrogate": (b'{"title": "\\ud800"}', "application/json"),
    "a list": (b"[1]", "application/json"),
    "a number": (b"1", "application/json"),
    "deep": (b"[" * 5000, "application/json"),
    "null character": (b'{"title": "a\\u0000b"}', "application/json"),
    "no boundary": (b"x", "multipart/form-data"),
    "broken multipart": (b"x", "multipart/form-data; boundary=b"),
}


@pytest.mark.parametrize(("body", "kind"), BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_a_clear_400(client, auth, body, kind):
    headers = {**auth, "Content-Type": kind}

    answer = client.post("/api/projects", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["status_code"] == 400


def test_another_content_type_is_refused(client, auth):
    headers = {**auth, "Content-Type": "text/csv"}

    answer = client.post("/api/projects", content=b"a,b", headers=headers)

    assert answer.status_code == 415


def test_a_file_in_a_form_is_refused_by_name(client, auth):
    files = {"title": ("title.txt", b"Birds")}

    answer = client.post("/api/projects", files=files, headers=auth)

    assert answer.json()["validation_errors"] == {
        "title": ["Files are not accepted here."]
    }


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused(client, auth, announced):
    size, piece = 11, b"x" * 1024**2
    content = piece * size if announced else (piece for _ in range(size))
    headers = {**auth, "Content-Type": "application/json"}

    answer = client.post("/api/projects", content=content, headers=headers)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The request body is larger than 10 MiB."


@pytest.fixture
def failing(app):
    """A client of an application in which something fails that nobody foresaw."""

    def fail(_request):
        raise RuntimeError("password=hunter2")

    starlette = create_app(app)
    starlette.router.routes.append(Route("/api/fails", fail))
    with TestClient(starlette) as test_client:
        yield test_client


def test_an_unforeseen_error_says_where_to_look_and_nothing_else(failing):
    answer = failing.get("/api/fails", headers={"X-Correlation-Id": "abc-1"})

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["correlation_id"] == "abc-1"
    assert answer.headers["X-Correlation-Id"] == "abc-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_each_answer_has_a_correlation_id(client):
    first, second = client.get("/health"), client.get("/health")

    assert first.headers["X-Correlation-Id"] != second.headers["X-Correlation-Id"]


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", ""])
def test_an_unusable_correlation_id_is_replaced(client, given):
    answer = client.get("/health", headers={"X-Correlation-Id": given})

    assert answer.headers["X-Correlation-Id"] != given


@pytest.mark.parametrize("path", ["/health", "/api/projects", "/user/login/", "/x"])
def test_every_answer_forbids_scripts_and_frames(client, path):
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "script-src" not in policy or path == "/user/login/"


def test_a_page_runs_scripts_of_its_own_and_no_others(client):
    policy = client.get("/user/login/").headers["Content-Security-Policy"]
    directives = [each.strip() for each in policy.split(";")]

    assert "script-src 'self'" in directives
    assert "connect-src 'self'" in directives
    assert "style-src 'self'" in directives
