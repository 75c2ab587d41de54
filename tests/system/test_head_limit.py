"""The head of a request is bounded, whatever the parser would take."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import uvicorn

from labeldock.cli.serving import HTTP_PROTOCOL
from labeldock.web.protocol import MAX_HEAD_BYTES
from tests.system.media_serving import wait_until


async def answer_with_size(scope, receive, send):
    """An application that tells how long the header `x` is."""
    assert scope["type"] == "http"
    body = str(len(dict(scope["headers"]).get(b"x", b""))).encode()
    while (await receive()).get("more_body"):
        pass
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port():
    config = uvicorn.Config(
        answer_with_size, port=0, http=HTTP_PROTOCOL, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        wait_until(lambda: server.started, seconds=20)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def connection(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def read_answer(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    return head


def test_a_head_that_never_ends_is_refused_and_its_connection_closed(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nhost: here\r\nx: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 100 * MAX_HEAD_BYTES:
            sent += connection.send(b"a" * 4096)

    assert sent < 100 * MAX_HEAD_BYTES


def test_a_head_that_is_too_large_is_answered_with_400(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nhost: here\r\n")
    for _ in range(MAX_HEAD_BYTES // 1024):
        connection.sendall(b"x: " + b"a" * 1019 + b"\r\n")

    answer = read_answer(connection)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer


def test_each_request_of_a_connection_has_the_bound_for_itself(connection):
    half = MAX_HEAD_BYTES // 2 + 1024
    request = b"GET / HTTP/1.1\r\nhost: here\r\nx: " + b"a" * half + b"\r\n\r\n"

    for _ in range(3):
        connection.sendall(request)

        assert read_answer(connection).endswith(str(half).encode())


def test_a_body_does_not_count_as_head(connection):
    size = 3 * MAX_HEAD_BYTES
    connection.sendall(
        f"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {size}\r\n\r\n".encode()
    )
    connection.sendall(b"a" * size)

    assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
