"""How long it takes to start, and what is held then: commands, web process, worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench import processes
from bench.report import Figure, Report, at_most
from bench.timing import measure, median_of

ROUNDS = 7
MOST_IMPORT = 100.0
MOST_HELP = 400.0


def run(report: Report, *, is_quick: bool) -> None:
    """Medians of some processes each."""
    rounds = 3 if is_quick else ROUNDS
    measure_commands(report, rounds)
    processes.run(report, rounds)


def measure_commands(report: Report, rounds: int) -> None:
    """Imports of the package, and the command's help, in milliseconds."""
    bare = _time([sys.executable, "-c", "pass"], rounds)
    for module in ("labeldock", "labeldock.contract"):
        ours = _time([sys.executable, "-c", f"import {module}"], rounds)
        target = at_most(ours - bare, MOST_IMPORT, "ms more")
        name = f"import {module}, beside a bare Python"
        is_promised = module == "labeldock"
        report.add(Figure(name, ours, "ms", bare, target if is_promised else None))
    command = str(Path(sys.executable).with_name("labeldock"))
    ours = _time([command, "--help"], rounds)
    report.add(
        Figure("labeldock --help", ours, "ms", bare, at_most(ours, MOST_HELP, "ms"))
    )


def _time(command: list[str], rounds: int) -> float:
    def start() -> float:
        return (
            measure(
                lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            )
            * 1000
        )

    start()  # reads from the disk, writes the bytecode
    return median_of(start, rounds=rounds)
