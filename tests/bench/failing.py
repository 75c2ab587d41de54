"""A bench that gives one figure and fails."""

from __future__ import annotations

from bench.report import Figure, at_most


def run(report, *, is_quick):
    report.add(Figure("time", 1.0, "s", target=at_most(1.0, 2.0, "s")))
    raise RuntimeError("the server is away\nand more is said of it")
