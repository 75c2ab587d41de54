"""How many faults there were, and how many of them struck; printed after the tests."""

from __future__ import annotations

from collections import Counter

import pytest

PROPERTY = "faults"
WORKER_KILLED = "worker killed"


class Tally:
    """The faults of one story. One that found nobody at work did not strike.

    `row` is the seed and, for each kind, how many were sent and how many struck; as
    they are when the test's report is made. `weather` is what went wrong besides, by
    itself: it is in the row too.
    """

    def __init__(self, seed: int = 0) -> None:
        self.kinds: dict[str, list[int]] = {}
        self.weather: dict[str, int] = {}
        self.row = [seed, self.kinds, self.weather]

    @property
    def struck(self) -> int:
        """How many struck somebody at work."""
        return sum(struck for _, struck in self.kinds.values())

    def note(self, *, did_strike: bool, kind: str = WORKER_KILLED) -> None:
        """Count one more."""
        counts = self.kinds.setdefault(kind, [0, 0])
        counts[0] += 1
        counts[1] += did_strike


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line per story and one per kind, also of tests in other processes."""
    found = [
        (report.nodeid, *value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if not found:
        return
    terminalreporter.section("faults that struck, of those sent")
    for nodeid, seed, kinds, _ in found:
        terminalreporter.write_line(f"seed {seed}: {_describe(kinds)}  {nodeid}")
    sent, struck, weather = Counter[str](), Counter[str](), Counter[str]()
    for _, _, kinds, besides in found:
        weather.update(besides)
        sent.update({kind: counts[0] for kind, counts in kinds.items()})
        struck.update({kind: counts[1] for kind, counts in kinds.items()})
    total = {kind: [sent[kind], struck[kind]] for kind in sorted(sent)}
    for kind, counts in total.items():
        terminalreporter.write_line(f"{_describe({kind: counts})}")
    in_all = [sum(sent.values()), sum(struck.values())]
    terminalreporter.write_line(_describe({"in all": in_all}))
    if weather:
        told = ", ".join(f"{what} {weather[what]}" for what in sorted(weather))
        terminalreporter.write_line(f"besides: {told}")


def _describe(kinds: dict[str, list[int]]) -> str:
    return ", ".join(
        f"{kind} {struck}/{sent}" for kind, (sent, struck) in kinds.items()
    )
