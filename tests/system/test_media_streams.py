"""Streams under stress: slow clients, slow storages, time limits, disconnects."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from pathlib import Path

import pytest

from labeldock.contract import Purpose, Unavailable
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.web.media.pump import BLOCK_SIZE
from tests.system.conftest import build_app
from tests.system.media_serving import TapProvider, media_path, serve, wait_until

SIZE = 64 * 1024 * 1024
TIMEOUT = 1.5


@pytest.fixture
def memory():
    provider = TapProvider()
    provider.create_bucket("media")
    return provider


@pytest.fixture
def tuned():
    """Settings that a test changes before the server starts."""
    return {"media_streams": 4, "resolver_proxy_timeout": TIMEOUT}


@pytest.fixture
def app(home, catalog, tuned):
    context = build_app(home, catalog, **tuned)
    yield context
    context.close()


@pytest.fixture
def server(app, connect, put_object):
    put_object("small.jpg", b"small", "image/jpeg")
    connect(presign=False)
    with serve(app) as running:
        yield running


@pytest.fixture
def open_stream(server, auth, project):
    def open_(key, **headers):
        return server.request(find_path(project, key), {**auth, **headers})

    return open_


@pytest.fixture
def get(server, auth, project):
    return lambda key: server.get(find_path(project, key), auth)


def find_path(project, key):
    return media_path("project", project.id, f"memory://media/{key}")


def read_part(response):
    """The body of a response that ends before it should."""
    with pytest.raises(http.client.IncompleteRead, match="bytes read") as caught:
        response.read()
    return caught.value.partial


def count_open(server):
    return server.engine.limiter.open if server.engine else 0


def wait_until_free(server, memory, seconds=1.0):
    """A stream that ended has given back its place and closed its object."""
    wait_until(lambda: count_open(server) == 0, seconds)
    wait_until(lambda: all(r.closed.is_set() for r in memory.opened), seconds)


def test_a_large_object_comes_whole(get, memory, server):
    memory.tap("large", 8 * 1024 * 1024 + 7)

    reply = get("large")

    assert len(reply.body) == 8 * 1024 * 1024 + 7
    assert max(memory.opened[0].reads) <= BLOCK_SIZE
    wait_until_free(server, memory)


def test_short_reads_of_the_storage_come_whole(get, memory):
    memory.tap("crumbs", 300_001, block=997)

    assert len(get("crumbs").body) == 300_001


# The time limit


@pytest.mark.parametrize("stall_at", [BLOCK_SIZE, 10 * BLOCK_SIZE])
def test_a_stream_past_its_time_is_broken_off(open_stream, memory, server, stall_at):
    memory.tap("stalls", SIZE, stall_at=stall_at)
    began = time.monotonic()

    with open_stream("stalls") as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(SIZE)
        part = read_part(response)

    assert len(part) == stall_at
    assert TIMEOUT - 0.1 < time.monotonic() - began < TIMEOUT + 5
    wait_until_free(server, memory)


def test_a_slow_but_steady_storage_is_broken_off_too(open_stream, memory, server):
    memory.tap("trickles", SIZE, block=1000, pause=0.03)

    with open_stream("trickles") as response:
        assert read_part(response)

    wait_until_free(server, memory)


def test_a_storage_that_gives_nothing_in_time_is_told_as_too_slow(get, memory, server):
    memory.tap("silent", SIZE, stall_at=0)

    reply = get("silent")

    assert reply.status == 504
    assert b'"storage_timeout"' in reply.body
    wait_until_free(server, memory)


def test_a_client_resumes_what_was_broken_off(open_stream, get, memory):
    memory.tap("stalls", SIZE, stall_at=BLOCK_SIZE)
    with open_stream("stalls") as response:
        part = read_part(response)
    memory.tap("stalls", SIZE)
    have = len(part)

    with open_stream("stalls", Range=f"bytes={have}-") as response:
        rest = response.read()

    assert response.status == 206
    assert response.headers["Content-Range"].startswith(f"bytes {have}-")
    assert len(rest) == 7 * 1024 * 1024


# A storage that fails on the way


@pytest.mark.parametrize(
    "script",
    [
        {"fail_at": 3 * BLOCK_SIZE, "error": Unavailable("reset")},
        {"fail_at": 3 * BLOCK_SIZE, "error": OSError("reset")},
        {"end_at": 3 * BLOCK_SIZE},
    ],
)
def test_a_body_that_ends_early_is_never_ended_as_if_complete(
    open_stream, memory, server, script
):
    memory.tap("dies", SIZE, **script)

    with open_stream("dies") as response:
        part = read_part(response)

    assert len(part) == 3 * BLOCK_SIZE
    wait_until_free(server, memory)


def test_a_storage_that_fails_at_once_is_told_before_anything_is_sent(get, memory):
    memory.tap("dies", SIZE, fail_at=0, error=Unavailable("reset"))

    reply = get("dies")

    assert (reply.status, b'"storage_unavailable"' in reply.body) == (424, True)


# Clients that go away, and clients that are slow


@pytest.mark.parametrize("stall_at", [0, BLOCK_SIZE])
def test_a_client_that_goes_away_frees_its_stream_within_a_second(
    open_stream, server, memory, auth, project, stall_at, app
):
    memory.tap("stalls", SIZE, stall_at=stall_at)
    connection = server.connect()
    connection.request("GET", find_path(project, "stalls"), headers=auth)
    wait_until(lambda: memory.opened and memory.opened[0].stalled.is_set())
    assert count_open(server) == 1

    began = time.monotonic()
    connection.close()
    wait_until_free(server, memory)

    assert time.monotonic() - began < min(1.0, TIMEOUT)


def read_slowly(server, project, key, auth):
    """A socket whose client has asked and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.connect(("127.0.0.1", server.port))
    lines = [f"GET {find_path(project, key)} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in auth.items()]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def test_a_slow_client_holds_some_blocks_and_not_the_object(
    server, project, auth, memory
):
    memory.tap("large", SIZE)

    with read_slowly(server, project, "large", auth):
        wait_until(lambda: memory.opened)
        given = settle(lambda: memory.opened[0].given)
        # What the kernel's buffers take, the server's own, and two blocks.
        assert given < 12 * 1024 * 1024

    wait_until_free(server, memory)


def test_a_client_that_never_reads_is_broken_off_in_time(server, project, auth, memory):
    memory.tap("large", SIZE)

    with read_slowly(server, project, "large", auth) as client:
        wait_until(lambda: count_open(server) == 1)
        wait_until_free(server, memory, seconds=TIMEOUT + 1)
        received = b"".join(iter(lambda: client.recv(1 << 20), b""))

    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {SIZE}".encode() in head
    assert 0 < len(body) < SIZE


def settle(measure):
    """What something that grows comes to."""
    before = None
    while (now := measure()) != before:
        before = now
        time.sleep(0.1)
    return now


# The limit of streams


def test_past_the_limit_clients_are_asked_to_come_back(
    server, project, auth, memory, get
):
    memory.tap("stalls", SIZE, stall_at=BLOCK_SIZE)
    clients = [read_slowly(server, project, "stalls", auth) for _ in range(4)]
    wait_until(lambda: count_open(server) == 4)

    reply = get("small.jpg")

    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) >= 1
    assert b'"busy"' in reply.body
    for client in clients:
        client.close()
    wait_until_free(server, memory)
    assert get("small.jpg").body == b"small"


@pytest.mark.parametrize("tuned", [{"media_streams": 8, "resolver_proxy_timeout": 20}])
def test_other_requests_are_quick_while_all_streams_hang(server, project, auth, memory):
    memory.tap("stalls", SIZE, stall_at=0)
    clients = [read_slowly(server, project, "stalls", auth) for _ in range(8)]
    wait_until(lambda: sum(r.stalled.is_set() for r in memory.opened) == 8)

    began = time.monotonic()
    statuses = [
        server.get(path, auth).status
        for path in ("/api/projects/", "/tasks/999/resolve/?fileuri=czM6Ly9iL2s=")
    ]

    assert statuses == [200, 404]
    assert time.monotonic() - began < 2
    for client in clients:
        client.close()
    wait_until_free(server, memory, seconds=2)


# What is left behind


@pytest.mark.parametrize("tuned", [{"media_streams": 8}])
def test_disconnects_leave_no_descriptor_and_no_thread(server, project, auth, memory):
    memory.tap("large", SIZE)

    def leave_early(times):
        for _ in range(times):
            with read_slowly(server, project, "large", auth) as client:
                client.recv(1000)
        wait_until(lambda: count_open(server) == 0)
        wait_until(lambda: all(r.closed.is_set() for r in memory.opened))

    leave_early(10)
    before = settle(count_descriptors)
    threads = threading.active_count()
    leave_early(40)

    assert settle(count_descriptors) <= before + 2
    assert threading.active_count() <= threads + 8


def test_local_files_are_closed_whatever_the_client_does(
    app, server, auth, owner, project, folder
):
    with (folder / "large.bin").open("wb") as file:
        file.truncate(SIZE)
    values = {"path": str(folder), "presign": False, "use_blob_urls": True}
    draft = StorageDraft(project.id, Purpose.IMPORT, "local", values)
    storages.add_storage(app, owner.principal, draft)
    path = media_path("project", project.id, f"local://{folder}/large.bin")

    for _ in range(20):
        with server.request(path, auth) as response:
            response.read(1000)

    wait_until(lambda: count_open(server) == 0)
    wait_until(lambda: count_descriptors(folder) == 0)


def count_descriptors(below=""):
    """How many files of this process are open, in a folder or anywhere."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(descriptor.readlink()))
    return sum(target.startswith(str(below)) for target in targets)
