"""Where and when something is measured, and whether the machine does other things."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

QUIET: Final = 0.15
"""The share of the processors that others may use while something is measured."""

_ROOT: Final = Path(__file__).parents[1]
_STAT: Final = Path("/proc/stat")
_LOOKS, _LOOK_SECONDS = 3, 0.3


@dataclass(frozen=True, slots=True)
class Machine:
    """What stands below the figures.

    Attributes:
        date: the day, in UTC.
        cores: that this process may use.
        processor: what the system calls it; empty if it does not say.
        python: version of the interpreter.
        system: name of the operating system.
        commit: of the sources; with a + if they were changed since.
    """

    date: str
    cores: int
    processor: str
    python: str
    system: str
    commit: str


def describe_machine() -> Machine:
    """This machine, these sources, today."""
    return Machine(
        datetime.now(UTC).date().isoformat(),
        _count_cores(),
        _read_processor(),
        platform.python_version(),
        platform.system(),
        _read_commit(),
    )


def measure_others() -> float:
    """The share of the processors that is used, while this process does nothing.

    What ended a moment ago may still be busy with its end, so it is looked at again.
    """
    for _ in range(_LOOKS):
        share = _measure_share()
        if share <= QUIET:
            break
    return share


def _measure_share() -> float:
    if not _STAT.exists():
        return min(1.0, os.getloadavg()[0] / _count_cores())
    before = _read_ticks()
    time.sleep(_LOOK_SECONDS)
    idle, total = (b - a for a, b in zip(before, _read_ticks(), strict=True))
    return round(1 - idle / total, 2) if total else 0.0


def _read_ticks() -> tuple[int, int]:
    """Ticks without work, and all ticks."""
    ticks = [int(word) for word in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)  # idle, and waiting for a disk


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return " ".join(next(names, "").split())


def _read_commit() -> str:
    commit = _ask_git("rev-parse", "--short", "HEAD")
    return f"{commit}+" if _ask_git("status", "--porcelain") else commit


def _ask_git(*words: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(_ROOT), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown" if words[0] == "rev-parse" else ""
    return done.stdout.strip()
