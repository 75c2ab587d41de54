"""The fault proxy: it passes HTTP on as it is, breaks it as planned, and counts."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labeldock.testing.answers import Answer
from labeldock.testing.client import fetch
from labeldock.testing.proxy import (
    ALWAYS,
    Delay,
    Drop,
    FaultProxy,
    Reply,
    Stall,
    Truncate,
)

CHUNKED = b"5\r\nhello\r\n7;name=x\r\n, world\r\n0\r\nTrailer: yes\r\n\r\n"


class Echo(BaseHTTPRequestHandler):
    """Answers what it was asked, in the way that the path names."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Be silent."""

    def do_GET(self):
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(CHUNKED)
        elif self.path == "/to-the-end":
            self.close_connection = True
            self.end_headers()
            self.wfile.write(b"hello, world")
        else:
            self.send_body(f"{self.command} {self.path} {self.headers['X-Odd']}")

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def do_PUT(self):
        size = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(size)
        expects = self.headers.get("Expect")
        self.send_response(200)
        self.send_body(f"{len(data)} {expects}")

    def do_DELETE(self):
        self.send_response(204)
        self.end_headers()

    def send_body(self, text):
        data = text.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def upstream():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def proxy(upstream):
    with FaultProxy(upstream) as proxy:
        yield proxy


def test_a_request_and_its_answer_pass_as_they_are(proxy):
    answer = fetch(f"{proxy.url}/a%2Fb?c=%20d", headers={"X-Odd": "a, b;c"})

    assert (answer.status, answer.body) == (200, b"GET /a%2Fb?c=%20d a, b;c")
    assert proxy.record.requests == [("GET", "/a%2Fb?c=%20d")]


@pytest.mark.parametrize("path", ["/chunked", "/to-the-end"])
def test_a_body_passes_however_its_end_is_told(proxy, path):
    assert fetch(proxy.url + path).body == b"hello, world"


def test_the_answer_to_head_has_no_body(proxy):
    answer = fetch(proxy.url, "HEAD")

    assert answer.header("content-length") == "1000"
    assert answer.body == b""


def test_an_answer_without_a_body_ends_at_its_head(proxy):
    assert fetch(proxy.url, "DELETE").status == 204


def test_a_body_that_waits_to_be_asked_for_is_asked_for(proxy):
    answer = fetch(proxy.url, "PUT", headers={"Expect": "100-continue"}, body=b"12345")

    assert answer.body == b"5 None"


def test_one_connection_serves_many_requests(proxy):
    host = proxy.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    for number in range(3):
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == f"GET /{number} None".encode()

    assert proxy.record.most_open == 1
    connection.close()


def test_an_answer_is_given_in_place_of_the_servers(proxy):
    proxy.add(Reply(Answer(503, {"Retry-After": "9"}, b"busy")), times=2, method="GET")

    answers = [fetch(proxy.url, method) for method in ("GET", "HEAD", "GET", "GET")]

    assert [answer.status for answer in answers] == [503, 200, 503, 200]
    assert answers[0].header("retry-after") == "9"
    assert answers[0].body == b"busy"


def test_a_canned_answer_to_an_upload_comes_too(proxy):
    proxy.add(Reply(Answer(507)), times=ALWAYS)

    plain = fetch(proxy.url, "PUT", body=bytes(10_000))
    asking = fetch(proxy.url, "PUT", headers={"Expect": "100-continue"}, body=b"1")

    assert (plain.status, asking.status) == (507, 507)


def test_a_connection_is_reset(proxy):
    fault = proxy.add(Drop())

    with pytest.raises(ConnectionResetError, match="reset"):
        fetch(proxy.url)

    assert fault.fired == 1


def test_a_body_ends_early_in_good_order(proxy):
    proxy.add(Truncate(4))

    with pytest.raises(http.client.IncompleteRead, match="4 bytes read"):
        fetch(f"{proxy.url}/a-path")


def test_a_body_without_a_length_is_cut_without_a_trace(proxy):
    proxy.add(Truncate(4))

    assert fetch(f"{proxy.url}/to-the-end").body == b"hell"


def test_a_body_is_cut_with_a_reset(proxy):
    proxy.add(Drop(after=4))

    with pytest.raises(
        (ConnectionResetError, http.client.IncompleteRead), match=r"4|104"
    ):
        fetch(f"{proxy.url}/a-path")


@pytest.mark.parametrize("fault", [Stall(), Stall(after=4)])
def test_a_stalled_answer_does_not_end(proxy, fault):
    proxy.add(fault)
    host = proxy.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=0.3)
    connection.request("GET", "/a-path")

    with pytest.raises(TimeoutError, match="timed out"):
        connection.getresponse().read()

    connection.close()


def test_a_delayed_answer_comes_late(proxy):
    proxy.add(Delay(0.3))
    start = time.monotonic()

    assert fetch(proxy.url).status == 200
    assert time.monotonic() - start >= 0.3


def test_closing_it_ends_what_stalls(upstream):
    with FaultProxy(upstream) as proxy:
        proxy.add(Stall())
        outcome = []
        asking = threading.Thread(target=lambda: outcome.append(try_fetch(proxy.url)))
        asking.start()
        time.sleep(0.2)

    asking.join(5)

    assert outcome == ["broken"]


def try_fetch(url):
    try:
        return fetch(url).status
    except (ConnectionError, http.client.HTTPException):
        return "broken"


def test_connections_that_are_open_are_counted(proxy):
    host = proxy.url.removeprefix("http://")
    connections = [http.client.HTTPConnection(host, timeout=10) for _ in range(3)]
    for connection in connections:
        connection.request("GET", "/")
        connection.getresponse().read()

    assert proxy.record.open == 3
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 5
    while proxy.record.open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert proxy.record.open == 0


def test_a_fault_that_never_fired_is_an_error(upstream):
    with (
        pytest.raises(AssertionError, match=r"never fired: \[Drop"),
        FaultProxy(upstream) as proxy,
    ):
        proxy.add(Drop())


def test_an_error_of_the_test_itself_is_not_hidden(upstream):
    with pytest.raises(ValueError, match="of the test"):
        plan_and_fail(upstream)


def plan_and_fail(upstream):
    with FaultProxy(upstream) as proxy:
        proxy.add(Drop())
        raise ValueError("of the test")
