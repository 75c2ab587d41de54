"""The application behind a real server, and objects whose bytes a test controls."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from datetime import UTC, datetime

import uvicorn

from labeldock.contract import ContentRange, ObjectBody, ObjectInfo, hookimpl
from labeldock.services.resolving.fileuri import encode_fileuri
from labeldock.testing.memory import MemoryProvider
from labeldock.web.app import create_app


class Server:
    """A running server and the clients of a test."""

    def __init__(self, application, port):
        self.port = port
        (self._door,) = {
            route.endpoint.__self__
            for route in application.routes
            if getattr(route, "path", "").startswith("/media/")
        }

    @property
    def engine(self):
        return self._door._engine

    def connect(self, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, path, headers, method="GET"):
        """A response whose body has not been read; closing it closes the socket."""
        connection = self.connect()
        connection.request(method, path, headers={"Connection": "close", **headers})
        return connection.getresponse()

    def get(self, path, headers, method="GET"):
        """Status, headers and body of a response that comes whole."""
        with self.request(path, headers, method) as response:
            body = response.read()
            return Reply(response.status, response.headers, body)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


@contextlib.contextmanager
def serve(app):
    """Serve the application on a free port, in a thread, until the block ends."""
    application = create_app(app)
    # Without a log of requests, as the service runs it: links would be in it.
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        wait_until(lambda: server.started, seconds=20)
        yield Server(application, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def wait_until(condition, seconds=5.0):
    """Wait for something that other threads bring about."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def media_path(part_of, number, uri, verb="resolve"):
    return f"/{part_of}s/{number}/{verb}/?fileuri={encode_fileuri(uri)}"


# Objects


class TapReader:
    """Gives bytes as a test wants them; remembers what was done to it.

    Args:
        size: how many bytes there are.
        stall_at: reads beyond this many bytes block until it is closed.
        fail_at: the read that reaches it raises `error`.
        end_at: the bytes end here, whatever was announced.
        pause: seconds that each read takes.
        block: at most this many bytes a read.
    """

    def __init__(self, size, **script):
        self.size = size
        self.given = 0
        self.reads = []
        self.closed = threading.Event()
        self.stalled = threading.Event()
        self.script = script

    def read(self, size, /):
        self.reads.append(size)
        script = self.script
        if pause := script.get("pause"):
            self.closed.wait(pause)
        if self.given >= script.get("fail_at", self.size + 1):
            raise script["error"]
        if self.given >= script.get("stall_at", self.size + 1):
            self.stalled.set()
            self.closed.wait(30)
            raise OSError("the connection was closed")
        end = min(
            self.size,
            script.get("end_at", self.size),
            script.get("stall_at", self.size),
        )
        length = max(0, min(size, script.get("block", size), end - self.given))
        self.given += length
        return bytes(length)

    def close(self):
        self.closed.set()


class TapProvider(MemoryProvider):
    """A provider in memory, some of whose objects are tapped."""

    def __init__(self):
        super().__init__()
        self.taps = {}
        self.opened = []
        self.errors = {}

    def tap(self, key, size, **script):
        """Give `size` bytes under a key, as the script says."""
        self.taps[key] = (size, script)

    @hookimpl
    def get_data(self, storage, request):
        if request.key in self.errors:
            raise self.errors[request.key]
        if request.key not in self.taps or request.metadata_only:
            return super().get_data(storage, request)
        size, script = self.taps[request.key]
        info = ObjectInfo(request.key, size, "tapped", datetime.now(UTC), "video/mp4")
        part = request.byte_range.resolve(size) if request.byte_range else None
        reader = TapReader((part or ContentRange(0, size - 1, size)).length, **script)
        self.opened.append(reader)
        return ObjectBody(info, part, reader)
