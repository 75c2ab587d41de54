"""Running benches: one in this process, or several, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.machine import QUIET, describe_machine, measure_others
from bench.names import run_bench
from bench.record import Outcome, Record, load_record
from bench.report import Report

LIMITS: Final = {True: 900.0, False: 7200.0}
"""Seconds that one bench may take, with less of everything and in full."""

_STOPPING: Final = 60.0  # seconds, for the servers that it has started


def run_here(name: str, report: Report, *, is_quick: bool) -> Record:
    """Run a bench; whatever it raises becomes a part of the record."""
    busy = measure_others()
    _warn(report.console, busy)
    began, failure = time.monotonic(), ""
    try:
        run_bench(name, report, is_quick=is_quick)
    except Exception as error:  # noqa: BLE001  it is a record's to tell
        traceback.print_exc()
        failure = _describe(error)
    except SystemExit as ending:
        failure = f"ended early: {ending.code}"
    seconds = round(time.monotonic() - began, 1)
    outcome = Outcome(name, seconds, busy, failure)
    return Record(describe_machine(), is_quick, [outcome], report.figures)


def run_all(
    names: Sequence[str],
    console: Console,
    *,
    is_quick: bool,
    keep: Callable[[Record], None] | None = None,
) -> Record:
    """Run benches one after the other; one that fails stops none of the others.

    What there is so far is handed to `keep` after each.
    """
    whole = Record(describe_machine(), is_quick)
    for name in names:
        part = _run_apart(name, console, is_quick=is_quick)
        whole.outcomes.extend(part.outcomes)
        whole.rows.extend(part.rows)
        if keep is not None:
            keep(whole)
    return whole


def _run_apart(name: str, console: Console, *, is_quick: bool) -> Record:
    with tempfile.TemporaryDirectory(prefix="labeldock-bench-") as folder:
        path = Path(folder) / "record.json"
        command = [sys.executable, "-m", "bench", name, "--brief", "--json", str(path)]
        began = time.monotonic()
        ended = wait([*command, *["--quick"] * is_quick], LIMITS[is_quick])
        try:
            record = load_record(path)
        except (OSError, ValueError):
            failure = f"ended without a record ({ended})"
            outcome = Outcome(name, round(time.monotonic() - began, 1), 0.0, failure)
            record = Record(describe_machine(), is_quick, [outcome])
    for outcome in record.outcomes:
        if outcome.failure:
            console.print(f"  failed: {outcome.failure}", style="red", markup=False)
    return record


def wait(command: list[str], limit: float) -> str:
    """Run a command to its end, or until its time is over; how it ended."""
    with subprocess.Popen(command) as process:
        try:
            return f"exit code {process.wait(limit)}"
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(_STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()
            return f"stopped after {limit:g} s"
        except BaseException:  # Ctrl-C: it has it too
            process.terminate()
            raise


def _warn(console: Console, busy: float) -> None:
    if busy > QUIET:
        console.print(
            f"  the machine is not quiet: {100 * busy:.0f} % of its processors are "
            "busy; figures suffer",
            style="yellow",
        )


def _describe(error: Exception) -> str:
    """The first line of what it says; of another process's traceback, the last."""
    text, _, traced = str(error).strip().partition("Traceback (most recent call last)")
    words = (text.strip() or "\n").splitlines()[0]
    if traced:
        words = f"{words} {traced.strip().splitlines()[-1]}".strip()
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
