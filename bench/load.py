"""Clients of a web service, in a process of their own, by raw sockets.

    python -m bench.load steady|fast|slow < a plan as JSON

`steady` offers requests at a fixed rate and measures each from the moment at which it
was due, so that a service that falls behind cannot slow its own measurement down;
`fast` sends the next request as soon as the last was answered; `slow` opens streams
and reads a little of each per second until its standard input ends. Figures come out
as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

SLOW_BYTES, SLOW_SECONDS = 8 * 1024, 1.0
_TICK = 0.001


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for: `paths` in turns, and expect `status` each time."""

    url: str
    paths: Sequence[str]
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 303
    connections: int = 32
    seconds: float = 5.0
    rate: float = 0.0

    def render_requests(self) -> list[bytes]:
        """The requests as they are sent."""
        fields = {"Host": urlsplit(self.url).netloc, **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return [f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in self.paths]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        return parts.hostname, parts.port or 80


def drive(how: str, plan: Plan) -> dict[str, float]:
    """Let a process of its own carry the plan out; what it measured."""
    command = [sys.executable, "-m", "bench.load", how]
    text = json.dumps(asdict(plan))
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@contextmanager
def kept_open(plan: Plan) -> Iterator[None]:
    """As many slow streams as the plan has connections, for the length of the block."""
    command = [sys.executable, "-m", "bench.load", "slow"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(plan)) + "\n")
        process.stdin.flush()
        try:
            if process.stdout.readline().strip() != "open":
                raise RuntimeError("the slow streams could not be opened")
            yield
        finally:
            process.stdin.close()


class Client(asyncio.Protocol):
    """One connection, which asks for one thing at a time."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._head = b""
        self._left = -1  # bytes of the body still to come; -1 before the head
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self._due, self._head, self._left = due, b"", -1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            head, mark, data = self._head.partition(b"\r\n\r\n")
            if not mark:
                return
            self._left = self._read_head(head)
        self._left -= len(data)
        if not self._left:
            self._generator.finish(self, self._due)

    def connection_lost(self, exc: Exception | None) -> None:
        self._generator.fail(f"a connection was closed: {exc}")

    def _read_head(self, head: bytes) -> int:
        lines = head.lower().split(b"\r\n")
        if int(lines[0].split(b" ")[1]) != self._generator.status:
            self._generator.fail(head.decode("latin-1"))
        lengths = (line[15:] for line in lines if line.startswith(b"content-length:"))
        return int(next(lengths, b"0"))


class Generator:
    """Offers requests, and notes how long each took."""

    def __init__(self, plan: Plan) -> None:
        self.status = plan.status
        self._plan = plan
        self._requests = cycle(plan.render_requests())
        self._times: list[float] = []
        self._idle: deque[Client] = deque()
        self._due: deque[float] = deque()
        self._is_over = False
        self._failure = ""

    async def run(self, *, is_steady: bool) -> dict[str, float]:
        """Carry the plan out."""
        loop = asyncio.get_running_loop()
        for _ in range(self._plan.connections):
            opening = loop.create_connection(lambda: Client(self), *self._plan.address)
            self._idle.append((await opening)[1])
        began = time.perf_counter()
        await (self._offer(began) if is_steady else self._press(began))
        seconds = time.perf_counter() - began
        self._is_over = True
        if self._failure:
            raise RuntimeError(self._failure)
        return self._sum_up(seconds)

    def finish(self, client: Client, due: float) -> None:
        now = time.perf_counter()
        self._times.append(now - due)
        if self._is_over:
            return
        if self._due:
            client.send(next(self._requests), self._due.popleft())
        elif self._plan.rate:
            self._idle.append(client)
        else:
            client.send(next(self._requests), now)

    def fail(self, reason: str) -> None:
        if not self._is_over:
            self._failure = self._failure or reason

    async def _offer(self, began: float) -> None:
        total = int(self._plan.rate * self._plan.seconds)
        sent = 0
        while not self._failure and (sent < total or len(self._times) < total):
            wanted = int((time.perf_counter() - began) * self._plan.rate)
            while sent < min(wanted, total):
                self._due.append(began + sent / self._plan.rate)
                sent += 1
            while self._due and self._idle:
                request = next(self._requests)
                self._idle.popleft().send(request, self._due.popleft())
            await asyncio.sleep(_TICK)

    async def _press(self, began: float) -> None:
        while self._idle:
            self._idle.popleft().send(next(self._requests), began)
        await asyncio.sleep(self._plan.seconds)

    def _sum_up(self, seconds: float) -> dict[str, float]:
        times = sorted(self._times)
        return {
            "rate": len(times) / seconds,
            "p50": times[len(times) // 2],
            "p99": times[int(len(times) * 0.99)],
        }


async def _sip(plan: Plan, request: bytes, opened: asyncio.Semaphore) -> None:
    """One stream that is read slowly, through a small window."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * SLOW_BYTES)
    connection.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, plan.address)
    with connection:
        await loop.sock_sendall(connection, request)
        while data := await loop.sock_recv(connection, SLOW_BYTES):
            if data.startswith(b"HTTP/1.1 200"):
                opened.release()
            await asyncio.sleep(SLOW_SECONDS)


async def _keep_open(plan: Plan) -> None:
    opened = asyncio.Semaphore(0)
    requests = plan.render_requests()
    tasks = []
    for number in range(plan.connections):
        sip = _sip(plan, requests[number % len(requests)], opened)
        tasks.append(asyncio.create_task(sip))
    async with asyncio.timeout(60):
        for _ in tasks:
            await opened.acquire()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Carry out the plan that comes by standard input."""
    how, values = sys.argv[1], json.loads(sys.stdin.readline())
    plan = Plan(**values)
    if how == "slow":
        asyncio.run(_keep_open(plan))
        return
    figures: dict[str, Any] = asyncio.run(
        Generator(plan).run(is_steady=how == "steady")
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
