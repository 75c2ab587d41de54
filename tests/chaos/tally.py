"""How many kills there were, and how many of them struck; printed after the tests."""

from __future__ import annotations

import pytest

PROPERTY = "kills"


class Tally:
    """The kills of one story. One that found nobody at work did not strike.

    `row` is the seed and the two counts, as they are when the test's report is made.
    """

    def __init__(self, seed: int = 0) -> None:
        self.row = [seed, 0, 0]

    @property
    def struck(self) -> int:
        """How many struck somebody at work."""
        return self.row[2]

    def note(self, *, did_strike: bool) -> None:
        """Count one more."""
        self.row[1] += 1
        self.row[2] += did_strike


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line per story and one for all, also of tests in other processes."""
    found = [
        (report.nodeid, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if not found:
        return
    terminalreporter.section("kills")
    for nodeid, (seed, sent, struck) in found:
        line = f"seed {seed:2}: {sent:3} sent, {struck:3} struck  {nodeid}"
        terminalreporter.write_line(line)
    sent, struck = (sum(value[i] for _, value in found) for i in (1, 2))
    terminalreporter.write_line(f"in all:  {sent:3} sent, {struck:3} struck")
