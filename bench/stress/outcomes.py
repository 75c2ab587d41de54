"""What became of a stretch of requests: speed, failures, when it was well again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.stress.mixture import Plan
from bench.stress.offering import BROKEN, REFUSED, SILENT, Row, describe

WORDS = {BROKEN: "broken off", REFUSED: "refused", SILENT: "no answer"}
"""Outcomes that have no status."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A plan that was carried out.

    Attributes:
        plan: what was offered.
        began: when, in seconds since 1970.
        cpu: seconds that the client worked.
        rows: one for each request.
    """

    plan: Plan
    began: float
    cpu: float
    rows: list[Row]

    @property
    def achieved(self) -> float:
        """Good answers in a second, while requests were offered."""
        ended = self.plan.seconds
        good = sum(r.due + r.seconds <= ended for r in self.rows if self.is_good(r))
        return good / self.plan.seconds

    def is_good(self, row: Row) -> bool:
        """Whether a request was answered as it should."""
        return row.status == self.plan.operations[row.operation].status

    def rows_of(self, name: str | None = None) -> list[Row]:
        """Those of one kind, or all."""
        if name is None:
            return self.rows
        kinds = [each.name for each in self.plan.operations]
        return [row for row in self.rows if kinds[row.operation] == name]

    def count_bad(self, name: str | None = None) -> int:
        """How many were not answered as they should."""
        return sum(not self.is_good(row) for row in self.rows_of(name))

    def find_percentile(self, share: float, name: str | None = None) -> float:
        """Seconds within which so many of the requests came to their end."""
        times = sorted(row.seconds for row in self.rows_of(name))
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0

    def list_made(self, name: str) -> list[int]:
        """The numbers of what was made."""
        return [row.made for row in self.rows_of(name) if row.made]

    def count_statuses(self, *, bad_only: bool = False) -> Counter[str]:
        """How often there was each status, or word for there being none."""
        rows = (r for r in self.rows if not (bad_only and self.is_good(r)))
        return Counter(WORDS.get(row.status, str(row.status)) for row in rows)

    def find_last_bad(self) -> float | None:
        """When the last one was due that went wrong, in seconds since 1970."""
        bad = [row.due for row in self.rows if not self.is_good(row)]
        return self.began + max(bad) if bad else None


@contextmanager
def offered(plan: Plan) -> Iterator[Callable[[], Stretch]]:
    """Let a process of its own carry a plan out; what is given waits for its end."""
    command = [sys.executable, "-m", "bench.stress.offering"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        assert process.stdin is not None
        process.stdin.write(describe(plan))
        process.stdin.close()
        process.stdin = None  # else communicate would close it again
        yield lambda: _collect(process, plan)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def offer(plan: Plan) -> Stretch:
    """Carry a plan out to its end."""
    with offered(plan) as collect:
        return collect()


def _collect(process: subprocess.Popen[str], plan: Plan) -> Stretch:
    text = process.communicate()[0]
    if process.returncode:
        raise RuntimeError("the client failed; what it said stands above")
    told = json.loads(text)
    return Stretch(plan, told["began"], told["cpu"], [Row(*r) for r in told["rows"]])
