"""A proxy in front of a real server that breaks things on purpose, and counts them.

    with FaultProxy("http://127.0.0.1:9000") as proxy:
        proxy.add(Reply(Answer(503)), times=2)
        ...  # talk to proxy.url; at the end every fault must have fired

It passes HTTP/1.1 on as it is, byte by byte, so that signatures hold.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedRWPair
from typing import Any, Final, Self
from urllib.parse import urlsplit

from labeldock.testing.answers import Answer
from labeldock.testing.messages import (
    Head,
    copy_body,
    read_head,
    read_reply_head,
    render_answer,
)

ALWAYS: Final = 1_000_000
"""As `times`: on every request."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Reset the connection: at once, or after so many bytes of the answer's body."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Give this answer instead of passing the request on."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Truncate:
    """End the connection in good order after so many bytes of the answer's body."""

    after: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Fall silent: at once, or after so many bytes of the answer's body."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait so many seconds before passing the request on."""

    seconds: float


Fault = Drop | Reply | Truncate | Stall | Delay


@dataclass
class PlannedFault:
    """A fault, the requests that it is for, and how often it has fired.

    Attributes:
        fault: what happens.
        times: how often it fires at most.
        method: only requests of this method; None for any.
        fired: how often it has.
    """

    fault: Fault
    times: int = 1
    method: str | None = None
    fired: int = 0

    def fits(self, head: Head) -> bool:
        """Whether it is to fire on this request."""
        return self.fired < self.times and self.method in {None, head.method}


@dataclass
class Record:
    """What went through the proxy.

    Attributes:
        requests: method and target of each request, in order.
        open: how many connections of clients are open now.
        most_open: how many were open at once, at most.
    """

    requests: list[tuple[str, str]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0


class FaultProxy:
    """The proxy. It listens on a free port of the loopback interface while entered.

    Attributes:
        record: what went through.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path
        self._faults: list[PlannedFault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Server(self)
        self.record = Record()

    @property
    def url(self) -> str:
        """Where to send requests instead of to the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def add(
        self, fault: Fault, *, times: int = 1, method: str | None = None
    ) -> PlannedFault:
        """Plan a fault; of those that fit a request, the one added first fires."""
        planned = PlannedFault(fault, times, method)
        with self._lock:
            self._faults.append(planned)
        return planned

    def clear(self) -> None:
        """Let everything pass from now on. What never fired is an error.

        Raises:
            AssertionError: a planned fault has not fired.
        """
        with self._lock:
            planned, self._faults = self._faults, []
        unused = [each.fault for each in planned if not each.fired]
        assert not unused, f"faults that never fired: {unused}"

    def __enter__(self) -> Self:
        # The default interval would let every `with` wait half a second at its end.
        serve = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        serve.daemon = True
        serve.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        if kind is None:
            self.clear()

    # For the connections

    def connect(self) -> socket.socket:
        """A connection to the server."""
        return socket.create_connection(self._upstream, timeout=60)

    def choose(self, head: Head) -> Fault | None:
        """Note a request, and say what is to happen to it."""
        with self._lock:
            self.record.requests.append((head.method, head.target))
            for planned in self._faults:
                if planned.fits(head):
                    planned.fired += 1
                    return planned.fault
        return None

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the proxy is closed, at most so long."""
        self._released.wait(seconds)

    @contextlib.contextmanager
    def count_connection(self) -> Iterator[None]:
        """Count a client's connection as open."""
        with self._lock:
            self.record.open += 1
            self.record.most_open = max(self.record.most_open, self.record.open)
        try:
            yield
        finally:
            with self._lock:
                self.record.open -= 1


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # joined when the server is closed
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closing = False
        super().__init__(("127.0.0.1", 0), _Connection)

    @contextlib.contextmanager
    def track(self, connection: socket.socket) -> Iterator[socket.socket]:
        """Shut a connection when the server is closed, whoever waits on it."""
        with self._lock:
            self._open.add(connection)
            is_late = self._is_closing
        if is_late:  # accepted before the end, and missed by what shut the others
            _shut(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)

    def close_connections(self) -> None:
        with self._lock:
            self._is_closing = True
            connections = list(self._open)
        for connection in connections:
            _shut(connection)

    def shutdown_request(self, request: Any) -> None:  # as in the base class
        """Close it alone: an orderly end before would make a reset impossible."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # as there
        """Nothing: clients go away here all the time."""


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.StreamRequestHandler):
    """One client: its requests, one after the other."""

    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        proxy = self.server.proxy
        with (
            contextlib.suppress(OSError),
            self.server.track(self.connection),
            proxy.count_connection(),
        ):
            while (head := read_head(self.rfile)) is not None:
                if not self._serve(head, proxy.choose(head)):
                    return

    def _serve(self, head: Head, fault: Fault | None) -> bool:
        """Answer one request; whether the connection can be used for another."""
        match fault:
            case Drop(after=None):
                return self._reset()
            case Stall(after=None):
                return self._stall()
            case Reply(answer):
                return self._reply(head, answer)
            case Delay(seconds):
                self.server.proxy.wait(seconds)
        return self._pass_on(head, fault)

    def _reset(self) -> bool:
        on_at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on_at_once)
        return False

    def _reply(self, head: Head, answer: Answer) -> bool:
        if head.expects_continue:
            # An answer in place of "go on" is final: the body will not come.
            self.wfile.write(render_answer(answer))
            return False
        copy_body(self.rfile, head.framing, [])
        self.wfile.write(render_answer(answer, has_body=head.method != "HEAD"))
        return True

    def _stall(self) -> bool:
        self.server.proxy.wait()
        return False

    def _pass_on(self, head: Head, fault: Fault | None) -> bool:
        with (
            self.server.proxy.connect() as upstream,
            self.server.track(upstream),
            upstream.makefile("rwb") as wire,
        ):
            self._send_request(head, wire)
            reply = read_reply_head(wire, head.method)
            if reply is None:
                return False
            self.wfile.write(reply.raw)
            limit = getattr(fault, "after", None)
            is_whole = copy_body(wire, reply.framing, [self.wfile], limit)
        if is_whole:
            return reply.framing.is_bounded
        return self._break_off(fault)

    def _send_request(self, head: Head, wire: BufferedRWPair) -> None:
        if head.expects_continue:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.write(head.render_for_upstream())
        copy_body(self.rfile, head.framing, [wire])
        wire.flush()

    def _break_off(self, fault: Fault | None) -> bool:
        match fault:
            case Stall():
                return self._stall()
            case Drop():
                return self._reset()
        return False
