"""Offer requests of several kinds at a fixed rate, in a process of its own.

    python -m bench.stress.offering < a plan as JSON

Each is measured from the moment at which it was due, so that a service that falls
behind cannot slow its own measurement down. Nothing that goes wrong ends the offering:
it is noted as the outcome of the request that it struck.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import deque
from dataclasses import asdict
from itertools import cycle
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httptools
import uvloop

from bench.stress.mixture import Operation, Plan

BROKEN, REFUSED, SILENT = -1, -2, -3
"""Outcomes without a status: broken off, no connection, no answer in time."""

_TICK = 0.002
_LEAST_TOLD = {"detail", "status_code"}


class Row(NamedTuple):
    """What became of a request.

    Attributes:
        operation: its place among the plan's.
        due: seconds after the beginning at which it was to be sent.
        seconds: from then until its answer was complete.
        status: of the answer, or an outcome without one.
        made: the number of what it made, 0 for none.
        is_told: whether an error says what it is, and a 503 when to come again.
    """

    operation: int
    due: float
    seconds: float
    status: int
    made: int = 0
    is_told: bool = True


class Request(NamedTuple):
    """One request that is due."""

    operation: int
    due: float
    content: bytes


class Connection(asyncio.Protocol):
    """Asks for one thing at a time; httptools reads the answers."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._body = bytearray()
        self._has_retry_after = False
        self.request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own

    def send(self, request: Request) -> None:
        assert self._transport is not None
        self.request = request
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._has_retry_after = False
        self._transport.write(request.content)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return self.close()  # an answer that nobody asked for
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._crowd.lose(self)

    # What httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        del value
        self._has_retry_after |= name.lower() == b"retry-after"

    def on_body(self, body: bytes) -> None:
        if len(self._body) < 65536:  # larger ones are media
            self._body += body

    def on_message_complete(self) -> None:
        status: int = self._parser.get_status_code()
        stays = self._parser.should_keep_alive()
        self._crowd.finish(self, status, has_retry_after=self._has_retry_after)
        if not stays:
            self.close()

    def read_body(self) -> dict[str, Any]:
        """The body as JSON; nothing if it is something else."""
        try:
            found = json.loads(self._body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Crowd:
    """Everybody who asks."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._contents = [cycle(_render(plan, each)) for each in plan.operations]
        self._order = _choose_order(plan)
        parts = urlsplit(plan.url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._began = 0.0
        self._waiting: deque[Request] = deque()
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self.rows: list[Row] = []

    async def run(self) -> None:
        """Offer all of it, and wait for the answers as long as patience lasts."""
        self._began = time.perf_counter()
        offered, total = 0, self._plan.total
        while len(self.rows) < total:
            now = time.perf_counter() - self._began
            while offered < total and offered / self._plan.rate <= now:
                self._waiting.append(self._build(offered))
                offered += 1
            self._give_up(now)
            self._send_waiting()
            if self._fault is not None:
                raise self._fault
            await asyncio.sleep(_TICK)
        for connection in [*self._idle, *self._busy]:
            connection.close()

    def finish(
        self, connection: Connection, status: int, *, has_retry_after: bool
    ) -> None:
        """Note an answer, and let the connection ask for the next."""
        request, connection.request = connection.request, None
        assert request is not None
        self._busy.discard(connection)
        self._idle.append(connection)
        operation, made, is_told = self._plan.operations[request.operation], 0, True
        if status >= 400:
            is_told = connection.read_body().keys() >= _LEAST_TOLD
            is_told = is_told and (status != 503 or has_retry_after)
        elif operation.is_noted:
            made = int(connection.read_body().get("id", 0))
        self._note(request, status, made, is_told=is_told)

    def lose(self, connection: Connection) -> None:
        """A connection is gone; what it asked for was broken off."""
        self._busy.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.request is not None:
            request, connection.request = connection.request, None
            self._note(request, BROKEN)

    def _build(self, number: int) -> Request:
        operation = self._order[number % len(self._order)]
        due = number / self._plan.rate
        return Request(operation, due, next(self._contents[operation]))

    def _send_waiting(self) -> None:
        while self._waiting:
            if self._idle:
                self._use(self._idle.pop(), self._waiting.popleft())
                continue
            if len(self._busy) + len(self._opening) >= self._plan.connections:
                return
            task = asyncio.create_task(self._open(self._waiting.popleft()))
            self._opening.add(task)
            task.add_done_callback(self._end_opening)

    def _use(self, connection: Connection, request: Request) -> None:
        self._busy.add(connection)
        connection.send(request)

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._fault = self._fault or task.exception()

    async def _open(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._plan.patience):
                opened = await loop.create_connection(
                    lambda: Connection(self), *self._address
                )
        except (OSError, TimeoutError):
            self._note(request, REFUSED)
        else:
            self._use(opened[1], request)

    def _give_up(self, now: float) -> None:
        oldest = now - self._plan.patience
        while self._waiting and self._waiting[0].due < oldest:
            self._note(self._waiting.popleft(), SILENT)
        for connection in list(self._busy):
            request = connection.request
            if request is not None and request.due < oldest:
                connection.request = None
                self._note(request, SILENT)
                connection.close()

    def _note(
        self, request: Request, status: int, made: int = 0, *, is_told: bool = True
    ) -> None:
        seconds = time.perf_counter() - self._began - request.due
        due, seconds = round(request.due, 4), round(seconds, 5)
        self.rows.append(
            Row(request.operation, due, seconds, status, made, is_told=is_told)
        )


def _render(plan: Plan, operation: Operation) -> list[bytes]:
    """The requests of one kind as they are sent."""
    body = operation.body.encode()
    fields = {"Host": urlsplit(plan.url).netloc, **plan.headers}
    if body:
        fields |= {"Content-Type": "application/json"}
    if operation.method != "GET":
        fields |= {"Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return [
        f"{operation.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
        for path in operation.paths
    ]


def _choose_order(plan: Plan) -> list[int]:
    """A thousand kinds, each as often as its share says, and in turns as even."""
    shares = [operation.share for operation in plan.operations]
    parts = [round(1000 * share / sum(shares)) for share in shares]
    rng = random.Random(plan.seed)
    moments = [
        ((number + rng.random()) / part, place)
        for place, part in enumerate(parts)
        for number in range(part)
    ]
    return [place for _, place in sorted(moments)]


def main() -> None:
    """Carry out the plan that comes by standard input; rows go out as JSON."""
    values = json.loads(sys.stdin.read())
    operations = [Operation(**each) for each in values.pop("operations")]
    crowd = Crowd(Plan(operations=operations, **values))
    began = time.time()
    uvloop.run(crowd.run())
    told = {"began": began, "cpu": time.process_time(), "rows": crowd.rows}
    sys.stdout.write(json.dumps(told))


def describe(plan: Plan) -> str:
    """The plan as `main` reads it."""
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    main()
