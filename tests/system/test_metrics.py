"""What the service tells Prometheus, and whom it tells."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from labeldock.contract import ObjectNotFound, Purpose, ReadRequest
from labeldock.host import build_storage_ref, load_catalog, validate_options
from labeldock.host.guard import Call
from labeldock.services import storages
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import FakeEntryPoint, build_source
from labeldock.web.app import create_app
from tests.system.conftest import build_app
from tests.system.terminal import Terminal, fetch, read_address, stop, wait_until

TOKEN = "a-token-for-prometheus"


def read_number(text, name, **labels):
    """One sample; 0 if it is not there (yet)."""
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        given = dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) if found else {}
        if found and given == labels:
            return float(found[2])
    return 0.0


@pytest.fixture
def watch(client, admin):
    """Read the metrics."""
    return lambda: client.get("/metrics", headers=admin.headers).text


@pytest.fixture
def growth(watch):
    """How much a number grew since the test began."""
    before = watch()

    def measure(name, **labels):
        return read_number(watch(), name, **labels) - read_number(
            before, name, **labels
        )

    return measure


@pytest.fixture
def home_with_token(home, app):
    with_token = build_app(home, app.catalog, metrics_token=TOKEN)
    yield with_token
    with_token.close()


def test_nobody_but_administrators_sees_them(client, auth):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=auth).status_code == 403


def test_the_operators_token_is_good_for_them_and_for_nothing_else(home_with_token):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(create_app(home_with_token)) as client:
        assert client.get("/metrics", headers=headers).status_code == 200
        assert client.get("/api/projects", headers=headers).status_code == 401
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert client.get("/metrics", headers=wrong).status_code == 401


def test_requests_are_counted_by_route_and_not_by_number(
    client, project, auth, growth, watch
):
    for _ in range(3):
        client.get(f"/api/projects/{project.id}", headers=auth)
    client.get("/nothing/here", headers=auth)
    client.request("BREW", "/api/projects", headers=auth)

    route = "/api/projects/{id:int}"
    labels = {"route": route, "method": "GET", "status": "200"}
    assert growth("labeldock_http_requests_total", **labels) == 3
    assert growth("labeldock_http_request_seconds_count", route=route) == 3
    none = {"route": "none", "method": "GET", "status": "404"}
    assert growth("labeldock_http_requests_total", **none) == 1
    assert "BREW" not in watch()


def test_media_are_counted_by_what_was_answered(
    client, project, auth, put_object, connect, sync, growth
):
    put_object("a.jpg", b"x" * 1000)
    connect()
    uri = encode_fileuri("memory://media/a.jpg")
    path = f"/projects/{project.id}/resolve/"

    client.get(path, params={"fileuri": uri}, headers=auth)
    client.get(path, params={"fileuri": "%%%"}, headers=auth)

    answers = "labeldock_media_answers_total"
    assert growth(answers, outcome="redirect") + growth(answers, outcome="stream") == 1
    assert growth(answers, outcome="invalid_input") == 1
    assert growth("labeldock_media_streams") == 0


def test_what_waits_is_asked_of_the_database(app, owner, connect, put_object, watch):
    put_object("a.jpg")
    storages.sync_storage(app, owner.principal, connect().id, Purpose.IMPORT)

    text = watch()

    assert read_number(text, "labeldock_queue_depth", queue="import") == 1
    assert read_number(text, "labeldock_runs", kind="import", state="queued") == 1
    assert read_number(text, "labeldock_queue_depth", queue="delivery") == 0


def test_runs_count_their_objects(connect, put_object, sync, growth):
    for number in range(5):
        put_object(f"{number}.jpg")

    sync(connect())

    created = {"kind": "import", "count": "created"}
    assert growth("labeldock_run_objects_total", **created) == 5
    assert growth("labeldock_slice_seconds_count", kind="import") >= 1


class Calls(list):
    spans = None

    def __call__(self, *call):
        self.append(call)


def test_calls_of_providers_are_told_with_their_outcome():
    calls = Calls()
    provider = MemoryProvider()
    provider.create_bucket("media")
    catalog = load_catalog(
        environment={},
        meter=calls,
        entry_points=build_source([FakeEntryPoint("memory", lambda: provider)]),
    )
    bound = catalog.provider("memory")
    purpose = Purpose.IMPORT
    options = validate_options(bound, purpose, {"bucket": "media"}, stored=False)
    ref = build_storage_ref(
        bound, id=1, purpose=purpose, options=options, key=b"k" * 32
    )
    with pytest.raises(ObjectNotFound):
        bound.get_data(ref, ReadRequest("missing"))

    ((call, outcome, seconds),) = calls
    assert call == Call("memory", "get_data", 1)
    assert outcome == "object_not_found"
    assert seconds > 0


def test_all_processes_of_a_service_answer_with_their_numbers_together(home, folder):
    terminal = Terminal(home, folder)
    environment = {"LABELDOCK_METRICS_TOKEN": TOKEN}
    with terminal.start(
        "serve", "--port", "0", "--workers", "2", **environment
    ) as process:
        address = read_address(process.stderr)
        for _ in range(40):  # each on a connection of its own
            fetch(address + "health")
        wait_until(lambda: count_health(address) == 40, "them")
        stop(process)


def count_health(address):
    labels = {"route": "/health", "method": "GET", "status": "200"}
    text = fetch(address + "metrics", TOKEN).decode()
    return read_number(text, "labeldock_http_requests_total", **labels)


def test_a_worker_shows_its_own_at_a_port(home, folder):
    terminal = Terminal(home, folder)
    with terminal.start("worker", "--metrics-port", "0") as process:
        line = next(line for line in process.stderr if "Metrics are at" in line)
        text = fetch(line.split()[-1]).decode()
        code, _ = stop(process)

    assert "labeldock_leases_lost_total" in text
    assert "process_resident_memory_bytes" in text
    assert code == 0
