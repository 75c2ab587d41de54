"""Raw bytes that two servers might read differently: none of them carries a request in.

Each attempt hides a request that would delete the project, sent with a valid token to
the real server on a real socket. The project has to be there afterwards.
"""

from __future__ import annotations

import socket
import threading

import pytest
import uvicorn

from labeldock.cli.serving import HTTP_PROTOCOL
from labeldock.web.app import create_app
from tests.system.media_serving import wait_until

HIDDEN = (
    b"DELETE /api/projects/%(project)d HTTP/1.1\r\nHost: here\r\n"
    b"Authorization: Token %(token)s\r\nConnection: close\r\n\r\n"
)
HEAD = b"POST /api/projects HTTP/1.1\r\nHost: here\r\n"
# What a strict server refuses: a head that can be read in two ways.
AMBIGUOUS = {
    "length-and-chunks": b"Content-Length: %(size)d\r\nTransfer-Encoding: chunked",
    "chunks-and-length": b"Transfer-Encoding: chunked\r\nContent-Length: %(size)d",
    "two-lengths": b"Content-Length: 5\r\nContent-Length: 0",
    "list-of-lengths": b"Content-Length: 5, 0",
    "signed-length": b"Content-Length: +5",
    "hexadecimal-length": b"Content-Length: 0x5",
    "unknown-coding": b"Transfer-Encoding: xchunked",
    "chunked-not-last": b"Transfer-Encoding: chunked, identity",
    "space-before-colon": b"Transfer-Encoding : chunked",
    "null-in-value": b"X-Odd: a\0b\r\nContent-Length: 0",
    "null-in-name": b"X-\0Odd: a\r\nContent-Length: 0",
    "folded-coding": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5",
    "bare-return": b"X-Odd: a\rTransfer-Encoding: chunked\r\nContent-Length: 0",
}
PATHS = (
    b"/static/../../../etc/passwd",
    b"/static/..%2f..%2f..%2fetc/passwd",
    b"/static/%2e%2e/%2e%2e/app.py",
    b"/static/..\\..\\app.py",
    b"//example.org/%2e%2e",
    b"/api/../api/projects",
    b"/api//projects",
    b"/api/projects/1%00",
    b"/api/projects/%ff",
    b"/api/projects/1;a=b",
    b"/api/projects/1/../../users",
    b"/%2f%2fexample.org/",
    b"http://example.org/api/projects",
    b"/user/login/?next=//example.org",
)


@pytest.fixture
def port(app):
    config = uvicorn.Config(
        create_app(app), port=0, http=HTTP_PROTOCOL, log_config=None, lifespan="off"
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


def exchange(port, data):
    """All that the server says until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        try:
            while block := connection.recv(65536):
                answer += block
        except ConnectionError:
            pass  # refused and closed, which is an answer as well
        return answer


def test_no_hidden_request_gets_in(port, client, auth, owner, project):
    hidden = HIDDEN % {b"project": project.id, b"token": owner.token.encode()}
    told = {}
    for name, odd in AMBIGUOUS.items():
        size = str(5 + len(hidden)).encode()
        head = HEAD + odd.replace(b"%(size)d", size) + b"\r\n\r\n"
        answer = exchange(port, head + b"0\r\n\r\n" + hidden)
        told[name] = answer.partition(b"\r\n")[0]
        assert b" 204 " not in answer, name
        assert client.get(f"/api/projects/{project.id}", headers=auth).is_success, name

    print(len(told), "attempts", {v.decode() for v in told.values()})  # noqa: T201
    refused = {name for name, line in told.items() if b" 400 " in line}
    assert refused == set(told), told


def test_a_hidden_request_after_a_refused_one_is_not_read(port, owner, project):
    """The connection is closed, so what follows on it is nobody's."""
    hidden = HIDDEN % {b"project": project.id, b"token": owner.token.encode()}
    answer = exchange(port, HEAD + b"Content-Length: x\r\n\r\n" + hidden)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_two_requests_of_one_connection_are_two(port):
    """The way of asking works: what is not ambiguous is answered, one after another."""
    one = b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"

    assert exchange(port, one + last).count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("path", PATHS, ids=[path.decode() for path in PATHS])
def test_no_path_leads_out(port, owner, path):
    token = owner.token.encode()
    answer = exchange(
        port,
        b"GET " + path + b" HTTP/1.1\r\nHost: here\r\nAuthorization: Token " + token
        + b"\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
    )  # fmt: skip
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])

    assert status in {200, 303, 307, 400, 404}
    assert b"root:" not in body
    assert b"def create_app" not in body
    lines = head.lower().replace(b"http://here", b"").split(b"\r\n")
    places = [line for line in lines if line.startswith(b"location:")]
    assert not [place for place in places if b"//" in place]


def test_a_host_header_sends_nobody_away(port):
    """A redirect of a page stays on whatever site it was asked on."""
    ask = b"GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n"
    answer = exchange(port, ask + b"Connection: close\r\n\r\n")

    location = next(
        line for line in answer.lower().split(b"\r\n") if line.startswith(b"location:")
    )
    assert location == b"location: /user/login/"
