"""What stands around every route: headers, limits, and errors that tell nothing."""

from __future__ import annotations

import re
from contextlib import closing, contextmanager

import anyio
import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from labeldock.contract import hookimpl
from labeldock.services.tokens import TokenWish, create_key
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from labeldock.web.rate_limits import find_strangers_rate
from labeldock.web.token_buckets import Buckets
from tests.system.conftest import build_app

WHOAMI = "/api/current-user/whoami"
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
EXPECTED = {
    "content-security-policy": "default-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.fixture
def serve(home, catalog):
    """The application with other settings."""

    @contextmanager
    def open_client(base_url="http://testserver", **settings):
        with closing(build_app(home, catalog, **settings)) as app:
            starlette = create_app(app)
            with TestClient(
                starlette,
                base_url=base_url,
                follow_redirects=False,
                raise_server_exceptions=False,
            ) as client:
                yield client

    return open_client


# Headers


def list_requests(client, auth):
    """A request to each route, with a login and without, and some to none."""
    for route in client.app.routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/console.css", {}
            yield "GET", f"{route.path}/nothing.js", {}
        if isinstance(route, Route):
            path = PARAMETER.sub("1", route.path)
            yield from [("GET", path, {}), ("GET", path, auth), ("POST", path, auth)]
    for path in ("/no/such/page", "/api/no/such/route", "/%00"):
        yield "GET", path, auth
    for method in ("OPTIONS", "DELETE", "PATCH"):
        yield method, "/api/projects", auth
    yield "GET", "/", {"Accept": "text/html"}


def test_every_answer_tells_browsers_what_not_to_do(client, auth):
    statuses, missing = set(), []
    for method, path, headers in list_requests(client, auth):
        answer = client.request(method, path, headers=headers)
        statuses.add(answer.status_code)
        missing += [
            f"{method} {path} ({answer.status_code}): {name}"
            for name, value in EXPECTED.items()
            if value not in answer.headers.get(name, "")
        ]

    assert {200, 303, 400, 401, 403, 404, 405} <= statuses
    assert not missing, missing


def test_a_body_that_is_too_large_is_refused_with_the_same_headers(serve, auth):
    with serve(request_max_bytes=64 * 1024) as client:
        answer = client.post("/api/projects", content=b" " * 70_000, headers=auth)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The request body is larger than 0.0625 MiB."
    assert EXPECTED.keys() <= set(answer.headers)


def test_https_is_insisted_on_once_it_is_there(serve):
    with serve(public_url="https://labels.example.org") as client:
        secured = client.get("/health").headers
    with serve() as client:
        plain = client.get("/health").headers

    assert secured["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in plain


@pytest.mark.parametrize("url", ["", "https://testserver"], ids=["http", "https"])
def test_the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(
    serve, owner, url
):
    with serve(public_url=url) as client:
        answer = client.post(
            "/user/login/",
            data={"email": owner.email, "password": owner.password},
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    flags = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) == bool(url)


def test_pages_of_listed_origins_may_show_media(serve):
    with serve(cors_origins=["https://console.example.org"]) as client:
        headers = client.get("/health").headers

    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"


# Limits


def nest(levels):
    return b'{"title":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_what_nests_too_deep_is_refused_by_the_operator_s_limit(serve, auth):
    def send(client, levels):
        return client.post("/api/projects", content=nest(levels), headers=auth)

    with serve(request_max_depth=20) as client:
        refused, taken = send(client, 21), send(client, 20)

    assert refused.status_code == 400
    assert "more than 20 levels deep" in refused.text
    assert "levels deep" not in taken.text


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def take(buckets, *names):
    async def take_all():
        return [await buckets.take(name) for name in names]

    return anyio.run(take_all)


def test_a_bucket_empties_and_fills():
    clock = Clock()
    buckets = Buckets(2.0, 4.0, clock=clock)

    assert take(buckets, *"aaaaa") == [0, 0, 0, 0, 0.5]
    assert take(buckets, "b") == [0]
    clock.now = 0.5
    assert take(buckets, "a", "a") == [0, 0.5]
    clock.now = 1000.0
    assert [wait > 0 for wait in take(buckets, *"aaaaa")] == [False] * 4 + [True]


def test_no_more_buckets_are_remembered_than_were_allowed():
    buckets = Buckets(1.0, 1.0, clock=Clock(), size=3)

    take(buckets, *"abcd")

    assert len(buckets._levels) == 3
    assert take(buckets, "a") == [0]  # forgotten, so full
    assert take(buckets, "d")[0] > 0


def test_each_token_has_a_limit_of_its_own(serve, app, auth, owner):
    _, token = create_key(app, owner.principal, TokenWish())
    other = {"Authorization": f"Token {token}"}
    with serve(rate_limit=0.01, rate_limit_burst=3) as client:
        answers = [client.get(WHOAMI, headers=auth) for _ in range(4)]
        apart = client.get(WHOAMI, headers=other)
        health = client.get("/health")

    refused = answers[-1]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 90 <= int(refused.headers["Retry-After"]) <= 100
    assert refused.json()["detail"].startswith("Too many requests with this login.")
    assert EXPECTED.keys() <= set(refused.headers)
    assert (apart.status_code, health.status_code) == (200, 200)


def test_media_is_not_counted(serve, auth):
    with serve(rate_limit=0.01, rate_limit_burst=1) as client:
        statuses = [
            client.get("/tasks/1/resolve/?fileuri=eA", headers=auth).status_code
            for _ in range(5)
        ]

    assert 429 not in statuses


def test_an_address_that_only_guesses_is_refused_for_a_while(serve, auth):
    wrong = {"Authorization": "Token 0123456789"}
    with serve(rate_limit_strangers=0.1) as client:
        known = client.get(WHOAMI, headers=auth).status_code
        guesses = [client.get(WHOAMI, headers=wrong).status_code for _ in range(3)]
        still_known = client.get(WHOAMI, headers=auth).status_code
        refresh = client.post("/api/token/refresh", json={"refresh": "x"})
        health = client.get("/health").status_code

    assert (known, still_known, health) == (200, 200, 200)
    assert guesses == [401, 429, 429]
    assert refresh.status_code == 429
    assert "Retry-After" in refresh.headers


def test_strangers_are_limited_where_there_is_a_broker(settings_of):
    assert find_strangers_rate(settings_of()) == 0
    assert find_strangers_rate(settings_of(broker_url="redis://127.0.0.1/1")) == 50
    assert find_strangers_rate(settings_of(rate_limit_strangers=7)) == 7


@pytest.fixture
def settings_of(tmp_path):
    from labeldock.settings import Settings

    return lambda **values: Settings(home=tmp_path, **values)


# Secrets


def test_administrators_see_what_has_to_be_entered_again(client, auth, admin):
    path = "/api/secrets/lost"

    assert client.get(path, headers=admin.headers).json() == []
    assert client.get(path, headers=auth).status_code == 403
    assert client.get(path).status_code == 401


# Errors


SECRET = "hunter2-of-the-database"


class Crashing(MemoryProvider):
    """A provider that fails in a way that nobody foresaw, with a secret in the text."""

    @hookimpl
    def validate(self, storage, request):
        raise RuntimeError(f"postgresql://me:{SECRET}@db/x broke down")


def test_a_plug_in_that_breaks_down_tells_nothing(home, auth, project, capsys):
    provider = Crashing()
    provider.create_bucket("media")
    body = {"bucket": "media", "project": project.id, "use_blob_urls": True}
    with (
        closing(build_app(home, build_catalog(provider))) as app,
        TestClient(create_app(app)) as client,
    ):
        answer = client.post("/api/storages/memory", json=body, headers=auth)

    assert answer.status_code == 424
    for word in (SECRET, "broke down", "Traceback"):
        assert word not in answer.text
    logged = capsys.readouterr().out
    assert answer.json()["correlation_id"] in logged
    assert "broke down" in logged


def test_a_database_without_its_tables_tells_nothing_of_them(serve, auth, app, capsys):
    with app.database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE task RENAME TO elsewhere")
    headers = {**auth, "X-Correlation-Id": "look-for-this"}
    with serve() as client:
        answer = client.get("/api/tasks/1", headers=headers)
        page = client.get("/tasks/1/", headers={**headers, "Accept": "text/html"})

    logged = capsys.readouterr().out
    assert answer.status_code in {500, 503}
    for told in (answer.text, page.text):
        for word in ("elsewhere", "SELECT", "no such table", "Error", "Traceback"):
            assert word not in told
    assert answer.headers["X-Correlation-Id"] == "look-for-this"
    assert "look-for-this" in logged
    assert "no such table" in logged


def test_what_nobody_foresaw_is_found_in_the_log_by_its_number(
    serve, auth, app, project, capsys
):
    with app.database.write() as session:  # text where a document belongs
        session.connection().exec_driver_sql(
            "UPDATE project SET interface = 'not json at all'"
        )
    with serve() as client:
        answer = client.get(f"/api/projects/{project.id}", headers=auth)

    told = answer.json()
    assert answer.status_code == 500
    assert told["correlation_id"] in told["detail"]
    assert "JSON" not in told["detail"]
    assert "not json" not in answer.text
    assert answer.headers["X-Correlation-Id"] == told["correlation_id"]
    assert told["correlation_id"] in capsys.readouterr().out
