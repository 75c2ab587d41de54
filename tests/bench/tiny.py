"""A bench that measures nothing, for tests of what becomes of figures."""

from __future__ import annotations

from bench.report import Figure, at_least, at_most


def run(report, *, is_quick):
    rate = 50.0 if is_quick else 200.0
    target = at_least(rate / 100, 1.0, "ratio")
    report.add(Figure("things in a second", rate, "things/s", 100.0, target))
    report.add(Figure("memory", 8.0, "MB", target=at_most(8.0, 10.0, "MB")))
    report.add(Figure("by the way", 3.0, "ms"))
