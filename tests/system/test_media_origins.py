"""Consoles on another host: which pages may use the API, its media and a bucket."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from labeldock.contract import ConfigurationError, hookimpl
from labeldock.contract.values import Availability, Problem, ValidationReport
from labeldock.settings import load_settings
from labeldock.testing.memory import MemoryProvider
from labeldock.web.app import create_app
from tests.system.conftest import build_app
from tests.system.media_serving import media_path

CONSOLE = "https://labels.example.org"
URI = "memory://media/gull.jpg"


@pytest.fixture
def app(home, catalog):
    context = build_app(home, catalog, cors_origins=(CONSOLE,))
    yield context
    context.close()


@pytest.fixture
def path(connect, put_object, task):
    put_object("gull.jpg", b"a gull", "image/jpeg")
    connect(presign=False)
    return media_path("task", task.id, URI)


def test_a_page_of_a_listed_origin_may_ask_first(client, path):
    asked = {
        "Origin": CONSOLE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, range",
    }

    answer = client.options(path, headers=asked)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_a_page_of_a_listed_origin_may_read(client, path, auth):
    answer = client.get(path, headers={**auth, "Origin": CONSOLE, "Range": "bytes=2-"})

    assert (answer.status_code, answer.content) == (206, b"gull")
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    assert "Content-Range" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/api/projects/", "/tasks/999/resolve/?fileuri=eA"])
def test_errors_can_be_read_too(client, path):
    answer = client.get(path, headers={"Origin": CONSOLE})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == CONSOLE


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://labels.example.org.evil.example"]
)
def test_a_page_of_another_origin_may_not(client, path, auth, origin):
    answer = client.get(path, headers={**auth, "Origin": origin})
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    assert "access-control-allow-origin" not in answer.headers
    assert (
        "access-control-allow-origin" not in client.options(path, headers=asked).headers
    )


def test_nothing_is_allowed_unless_it_is_listed(home, catalog, path, auth):
    plain = build_app(home, catalog)
    with TestClient(create_app(plain)) as client:
        answer = client.get(path, headers={**auth, "Origin": CONSOLE})
        again = client.get(path, headers=auth)
    plain.close()

    assert "access-control-allow-origin" not in answer.headers
    # A copy that a browser kept of either is not given to a page of another origin.
    assert "Origin" in again.headers["vary"]


def test_with_a_cookie_only_listed_pages_may_change_something(client, owner, project):
    form = {"email": owner.email, "password": owner.password}
    client.post("/user/login/", data=form, headers={"Origin": "http://testserver"})

    def rename(origin):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        path = f"/api/projects/{project.id}/"
        body = {"title": "Renamed"}
        return client.patch(path, json=body, headers=headers).status_code

    assert rename("https://evil.example") == 403
    assert rename(CONSOLE) == 200


@pytest.mark.parametrize("value", ["*", "labels.example.org", "https://a/b", "null"])
def test_what_is_no_origin_is_refused(monkeypatch, value):
    monkeypatch.setenv("LABELDOCK_CORS_ORIGINS", f"https://ok.example,{value}")

    with pytest.raises(ConfigurationError, match="LABELDOCK_CORS_ORIGINS"):
        load_settings()


def test_origins_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv(
        "LABELDOCK_CORS_ORIGINS", "https://A.example/, http://[::1]:3000"
    )

    origins = load_settings().cors_origins

    assert origins == ("https://a.example", "http://[::1]:3000")


# What a bucket allows


class WaryProvider(MemoryProvider):
    """A provider whose buckets let pages of nowhere read."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.problems = (Problem("bucket", "Not for pages.", "Allow them.", "cors"),)

    @hookimpl
    def validate(self, storage, request):
        self.asked.append(request.origin)
        if not request.origin:
            return super().validate(storage, request)
        return ValidationReport(Availability.AVAILABLE, self.problems)


@pytest.fixture
def memory():
    provider = WaryProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def validate(client, auth, project, put_object):
    put_object("gull.jpg")

    def ask(origin=None, **values):
        body = {
            "project": project.id, "bucket": "media", "use_blob_urls": True,
            "recursive_scan": True, **values,
        }  # fmt: skip
        headers = {**auth, **({"Origin": origin} if origin else {})}
        return client.post("/api/storages/memory/validate", json=body, headers=headers)

    return ask


def test_a_bucket_that_pages_may_not_read_is_usable_with_a_warning(validate, memory):
    answer = validate(CONSOLE)

    assert answer.status_code == 200
    assert answer.json()["warnings"] == [
        {
            "field": "bucket",
            "message": "Not for pages.",
            "remedy": "Allow them.",
            "code": "cors",
        }
    ]
    assert memory.asked == [CONSOLE]


def test_without_a_page_nothing_is_asked_about_pages(validate, memory):
    answer = validate()

    assert (answer.status_code, answer.content) == (200, b"")
    assert memory.asked == [None]


def test_what_is_not_presigned_is_read_from_here(validate, memory):
    assert validate(CONSOLE, presign=False).content == b""
    assert memory.asked == [None]


def test_a_warning_does_not_hide_a_problem(validate, memory):
    memory.problems += (Problem("region", "Wrong region.", "Correct it."),)

    answer = validate(CONSOLE)

    assert answer.status_code == 400
    assert set(answer.json()["validation_errors"]) == {"bucket", "region"}


def test_a_warning_does_not_hide_that_nothing_would_be_imported(validate):
    answer = validate(CONSOLE, regex_filter="no such key")

    assert answer.status_code == 400


def test_the_public_address_counts_where_no_page_asks(
    home, catalog, auth, project, put_object, memory
):
    put_object("gull.jpg")
    app = build_app(home, catalog, public_url=f"{CONSOLE}/labels/")
    body = {"project": project.id, "bucket": "media", "use_blob_urls": True}
    with TestClient(create_app(app)) as client:
        client.post("/api/storages/memory/validate", json=body, headers=auth)
    app.close()

    assert memory.asked == [CONSOLE]
