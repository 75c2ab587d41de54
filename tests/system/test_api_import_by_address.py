"""POST /api/projects/N/import with an address: fetched once, from where one may go."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from starlette.testclient import TestClient

from labeldock.contract.errors import InvalidInput
from labeldock.services.fetching import fetch_file
from labeldock.testing.plugins import build_catalog
from labeldock.web.app import create_app
from tests.system.conftest import build_app

TASKS = b'[{"image": "a.jpg"}, {"image": "b.jpg"}]'
FILES = {
    "/tasks.json": (200, {}, TASKS),
    "/tasks.csv?key=1": (200, {}, b"image\na.jpg\nb.jpg\n"),
    "/latest": (200, {"Content-Type": "application/json; charset=utf-8"}, TASKS),
    "/moved.json": (302, {"Location": "/tasks.json"}, b""),
    "/broken.json": (200, {}, b"[{"),
    "/large.json": (200, {}, b" " * (10 * 2**20 + 1)),
    "/short.json": (200, {"Content-Length": "100"}, TASKS),
    "/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/slow.json":
            self.server.ended.wait(10)
        status, headers, body = FILES.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Clients that hang up are part of the tests."""


@pytest.fixture
def files():
    with run_files() as server:
        yield server


@contextmanager
def run_files():
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked, server.ended = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def send(client, auth, project):
    def send(url, headers=auth):
        path = f"/api/projects/{project.id}/import?return_task_ids=1"
        return client.post(path, data={"url": url}, headers=headers)

    return send


@pytest.mark.parametrize("path", ["/tasks.json", "/tasks.csv?key=1", "/latest"])
def test_the_tasks_of_a_file_elsewhere_are_imported(client, auth, files, send, path):
    answer = send(files.url + path)

    assert (answer.status_code, answer.json()["task_count"]) == (201, 2)
    numbers = answer.json()["task_ids"]
    read = [client.get(f"/api/tasks/{n}", headers=auth).json() for n in numbers]
    assert [task["data"]["image"] for task in read] == ["a.jpg", "b.jpg"]
    assert files.asked == [path]


REFUSED = {
    "elsewhere": "/moved.json",
    "missing": "/missing.json",
    "broken": "/broken.json",
    "large": "/large.json",
    "cut short": "/short.json",
    "no tasks": "/picture",
}


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
def test_what_is_no_file_of_tasks_is_refused_and_asked_for_once(
    client, auth, project, files, send, path
):
    answer = send(files.url + path)

    assert answer.status_code == 400
    assert files.asked == [path]
    read = client.get(f"/api/projects/{project.id}", headers=auth).json()
    assert read["task_number"] == 0


@pytest.mark.parametrize("url", ["", "x", "ftp://a/b.json", "file:///etc/passwd"])
def test_what_is_no_address_is_refused_by_its_field(send, url):
    answer = send(url)

    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["url"]


def test_nobody_listens_there(send):
    assert send("http://127.0.0.1:1/tasks.json").status_code == 400


def test_who_may_not_add_tasks_has_nothing_fetched(files, send, stranger):
    answer = send(f"{files.url}/tasks.json", headers=stranger.headers)

    assert answer.status_code in {403, 404}
    assert files.asked == []


def test_private_addresses_are_left_alone_unless_the_operator_says_so(
    home, auth, files
):
    app = build_app(home, build_catalog(), egress_private=False)
    with TestClient(create_app(app)) as client:
        made = client.post("/api/projects", json={"title": "Far"}, headers=auth)
        path = f"/api/projects/{made.json()['id']}/import"
        body = {"url": f"{files.url}/tasks.json"}
        answer = client.post(path, data=body, headers=auth)
    app.close()

    assert answer.status_code == 400
    assert files.asked == []


def test_a_server_that_takes_its_time_is_given_up(app, owner, project, files):
    url = f"{files.url}/slow.json"

    with pytest.raises(InvalidInput, match="cannot be had"):
        fetch_file(app, owner.principal, project.id, url, seconds=0.3)
