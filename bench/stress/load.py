"""The mixture at rising rates, until the service does not keep up: the knee."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.stress.ground import Ground
from bench.stress.outcomes import Stretch, offer
from bench.stress.rest import come_to_rest, count_waiting
from bench.stress.sheet import Cell, Sheet, render_milliseconds
from bench.stress.watching import MEGABYTE, Look

LEAST_ACHIEVED = 0.95
"""Of what is offered; less is beyond the knee."""

_MOST_STEPS, _MOST_STEPS_DOWN = 40, 6
_PAUSE_SECONDS = 30.0  # for what a step beyond the knee has left behind


@dataclass(frozen=True)
class Climb:
    """How the rate rises.

    Attributes:
        start: requests in a second of the first step.
        growth: each step offers so many times the last.
        seconds: how long a step lasts.
        bound: most seconds of the 99th percentile of all requests.
        most: the rate at which to end, whatever the service does; 0: none.
        warm: seconds of the first rate that do not count.
    """

    start: float = 50.0
    growth: float = 1.5
    seconds: float = 8.0
    bound: float = 0.5
    most: float = 0.0
    warm: float = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """One rate, and what became of it."""

    stretch: Stretch
    waiting: int
    before: Mapping[str, Look]
    after: Mapping[str, Look]

    @property
    def rate(self) -> float:
        """What was offered."""
        return self.stretch.plan.rate

    @property
    def share(self) -> float:
        """How much of it was answered in time."""
        return self.stretch.achieved / self.rate

    def find_fault(self, bound: float) -> str:
        """Why it is beyond the knee; empty if it is not."""
        p99 = self.stretch.find_percentile(0.99)
        if self.share < LEAST_ACHIEVED:
            return f"{self.share:.0%} of what was offered was answered"
        if p99 > bound:
            return f"99th percentile {render_milliseconds(p99)}"
        return ""


def run_load(ground: Ground, climb: Climb, sheet: Sheet) -> float:
    """Rise to the knee, and report; the highest rate that was kept up with.

    Returns:
        Requests in a second; 0.0 if the first step was too much already.
    """
    offer(ground.make_plan(climb.start, climb.warm))
    steps, fault = _rise(ground, climb, sheet)
    held = [step for step in steps if not step.find_fault(climb.bound)]
    knee = max((step.rate for step in held), default=0.0)
    sheet.show("load: steps", [_describe(step, climb.bound) for step in steps])
    shown = max(held, key=lambda step: step.rate) if held else steps[0]
    sheet.show(f"load: operations at {shown.rate:,.0f}/s", _list_operations(shown))
    sheet.show(f"load: processes at {shown.rate:,.0f}/s", _list_processes(shown))
    sheet.note("knee", knee)
    reason = fault or "the highest rate that was asked for; the knee is above"
    sheet.say(f"the knee is at {knee:,.0f} requests/s; beyond it: {reason}")
    sheet.judge(
        "a rate is kept up with",
        f"{knee:,.0f}/s",
        "> 0",
        is_met=knee > 0,
        is_timed=True,
    )
    bad = sum(step.stretch.count_bad() for step in held)
    sheet.judge("requests that failed up to the knee", str(bad), "0", is_met=not bad)
    seconds, left = come_to_rest(ground)
    found = ", ".join(f"{n} {name}" for name, n in left.items() if n) or "nothing"
    is_empty = not any(left.values())
    sheet.judge(f"left {seconds:.0f} s after it", found, "nothing", is_met=is_empty)
    return knee


def _rise(ground: Ground, climb: Climb, sheet: Sheet) -> tuple[list[Step], str]:
    """Steps up to the first that is too much, and one halfway back; why it was.

    Where the first is too much already, steps down.
    """
    steps: list[Step] = []

    def take(rate: float) -> str:
        step = _take_step(ground, rate, climb.seconds, len(steps))
        steps.append(step)
        fault = step.find_fault(climb.bound)
        sheet.say(f"{rate:,.0f}/s: {fault or 'kept up with'}")
        return fault

    rate, most = climb.start, climb.most or math.inf
    fault = take(rate)
    while not fault and rate < most and len(steps) < _MOST_STEPS:
        rate = min(most, rate * climb.growth)
        fault = take(rate)
    reason = fault
    if fault and len(steps) > 1:
        come_to_rest(ground, _PAUSE_SECONDS)
        take(rate / climb.growth**0.5)
    while fault and rate == climb.start and len(steps) <= _MOST_STEPS_DOWN:
        come_to_rest(ground, _PAUSE_SECONDS)
        fault = take(climb.start / climb.growth ** len(steps))
    return sorted(steps, key=lambda each: each.rate), reason


def _take_step(ground: Ground, rate: float, seconds: float, seed: int) -> Step:
    before = ground.look().processes
    stretch = offer(ground.make_plan(rate, seconds, seed))
    return Step(stretch, count_waiting(ground), before, ground.look().processes)


def _describe(step: Step, bound: float) -> dict[str, Cell]:
    stretch = step.stretch
    bad = stretch.count_statuses(bad_only=True)
    return {
        "offered /s": step.rate,
        "answered /s": stretch.achieved,
        "share": step.share,
        "p50 ms": 1000 * stretch.find_percentile(0.5),
        "p99 ms": 1000 * stretch.find_percentile(0.99),
        "work that waits": step.waiting,
        "failed": ", ".join(f"{what}: {n}" for what, n in bad.items()) or "none",
        "": step.find_fault(bound) or "kept up with",
    }


def _list_operations(step: Step) -> list[dict[str, Cell]]:
    """A row for each kind of request."""
    return [
        {
            "operation": operation.name,
            "requests": len(step.stretch.rows_of(operation.name)),
            "p50 ms": 1000 * step.stretch.find_percentile(0.5, operation.name),
            "p99 ms": 1000 * step.stretch.find_percentile(0.99, operation.name),
            "failed": step.stretch.count_bad(operation.name),
        }
        for operation in step.stretch.plan.operations
    ]


def _list_processes(step: Step) -> list[dict[str, Cell]]:
    """A row for each process; the client works on the same machine."""
    seconds = step.stretch.plan.seconds
    rows: list[dict[str, Cell]] = []
    for name, after in step.after.items():
        before = step.before.get(name, Look(0.0, 0, 0, 0))
        rows.append(
            {
                "process": name,
                "CPU %": 100 * (after.cpu - before.cpu) / seconds,
                "memory MB": after.memory / MEGABYTE,
                "files": after.files,
                "threads": after.threads,
            }
        )
    client = 100 * step.stretch.cpu / seconds
    nothing = {"memory MB": None, "files": None, "threads": None}
    return [*rows, {"process": "the client of this test", "CPU %": client, **nothing}]
