"""Faults on demand, counted: a test asserts that what it planned has happened."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from tests.servers.gcs.messages import Reply


@dataclass(eq=False)
class Fault:
    """What goes wrong with the requests that it fits.

    Attributes:
        status: answer this instead of anything else.
        headers: of that answer.
        body: of that answer.
        delay: seconds to wait before anything else.
        truncate: end the connection after so many bytes of the body.
        stall: fall silent after so many bytes of the body.
        damage: change the first byte of the body.
        after: do what was asked for, and only then answer with `status`.
        method: of requests that it fits; None for any.
        path: a part of their target.
        times: how often it fires at most.
        fired: how often it has.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0
    truncate: int | None = None
    stall: int | None = None
    damage: bool = False
    after: bool = False
    method: str | None = None
    path: str = ""
    times: int = 1
    fired: int = 0

    def fits(self, request):
        return (
            self.fired < self.times
            and self.method in {None, request.method}
            and self.path in request.target
        )

    def build_reply(self):
        return Reply(self.status, dict(self.headers), self.body)


class Faults:
    """The faults that are planned."""

    def __init__(self):
        self._lock = threading.Lock()
        self._planned = []
        self.released = threading.Event()

    def add(self, fault):
        with self._lock:
            self._planned.append(fault)
        return fault

    def clear(self):
        with self._lock:
            self._planned = []

    def choose(self, request):
        """The fault of a request, counted; None if all is to be well."""
        with self._lock:
            for fault in self._planned:
                if fault.fits(request):
                    fault.fired += 1
                    break
            else:
                return None
        if fault.delay:
            time.sleep(fault.delay)
        return fault
