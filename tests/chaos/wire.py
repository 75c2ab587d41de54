"""A cable to a server, which can be cut and mended."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import threading
from typing import Any, Self
from urllib.parse import urlsplit

_AT_ONCE = struct.pack("ii", 1, 0)  # closing sends a reset, not an orderly end


class Wire:
    """Passes TCP on, byte by byte; while it is cut, connections are reset.

    `struck` counts the connections that were broken or refused.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._server = _Server(self)
        self.struck = 0

    @property
    def url(self) -> str:
        """Where to send requests instead of to the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def cut(self) -> None:
        """Break every connection, and let none through from now on."""
        with self._lock:
            self._is_cut = True
            for connection in self._open:
                _reset(connection)
            self.struck += len(self._open)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def __enter__(self) -> Self:
        serve = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        serve.daemon = True
        serve.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def relay(self, near: socket.socket) -> None:
        """Pass on what a client and the server say, until one of them has ended."""
        with self._lock:
            if self._is_cut:
                self.struck += 1
                _reset(near)
                return
            self._open.add(near)
        try:
            with socket.create_connection(self._upstream) as far:
                _exchange({near: far, far: near})
        except OSError:
            _reset(near)
        finally:
            with self._lock:
                self._open.discard(near)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # joined when the server is closed
    request_queue_size = 128

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__(("127.0.0.1", 0), _Connection)

    def shutdown_request(self, request: Any) -> None:  # as in the base class
        """Close it alone: an orderly end before would make a reset impossible."""
        self.close_request(request)


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.wire.relay(self.request)


def _exchange(ends: dict[socket.socket, socket.socket]) -> None:
    while True:
        for end in select.select(list(ends), [], [])[0]:
            data = end.recv(65536)
            if not data:
                return
            ends[end].sendall(data)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        connection.shutdown(socket.SHUT_RDWR)
