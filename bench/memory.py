"""Memory of an importing process, for ten thousand objects and for a million."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.installation import opened_installation
from bench.quiet import silence_logs
from bench.report import Figure, Report, Target, at_most
from bench.timing import measure
from bench.trees import make_deep, make_flat, temporary_folder
from labeldock.services.context import opened_context
from labeldock.services.working import run_until_done
from labeldock.settings import Settings

FEW = 10_000
FILES_PER_FOLDER = 1000
MOST_RATIO = 1.5
MOST_MORE = 64.0
MOST_GROWTH = 200.0  # megabytes above the start, at a million objects
MEGABYTE = 1024 * 1024


def run(report: Report, *, is_quick: bool) -> None:
    """Import a few and a hundred times as many, each in a process of its own."""
    many = 100_000 if is_quick else 1_000_000
    for name in ("flat folder", "deep tree"):
        few = _import_elsewhere(name, FEW)
        _add(
            report,
            f"{name}, {many:,} beside {FEW:,}",
            few,
            _import_elsewhere(name, many),
        )


@dataclass(frozen=True, slots=True)
class Growth:
    """By how many megabytes a process grew, what it held at most, how fast it was."""

    megabytes: float
    peak: float
    rate: float


def _add(report: Report, name: str, few: Growth, many: Growth) -> None:
    ratio, more = many.megabytes / few.megabytes, many.megabytes - few.megabytes
    is_flat = ratio <= MOST_RATIO or more < MOST_MORE
    text = f"< {MOST_GROWTH:.0f} MB; ratio ≤ {MOST_RATIO} or < {MOST_MORE:.0f} MB more"
    grown = Target(text, is_flat and many.megabytes < MOST_GROWTH)
    peak = at_most(many.peak / few.peak, MOST_RATIO, "ratio")
    for what, ours, bare, unit, target in (
        ("peak memory", many.peak, few.peak, "MB", peak),
        ("memory growth", many.megabytes, few.megabytes, "MB", grown),
        ("import speed", many.rate, few.rate, "objects/s", None),
    ):
        report.add(Figure(f"{what}: {name}", ours, unit, bare, target))


def _import_elsewhere(name: str, files: int) -> Growth:
    with temporary_folder() as folder:
        tree, home = folder / "tree", folder / "home"
        if name == "flat folder":
            make_flat(tree, files)
        else:
            make_deep(tree, folders=files // FILES_PER_FOLDER, files=FILES_PER_FOLDER)
        with opened_installation(home, roots=folder) as here:
            run_id = here.request_import(here.connect_media(tree))
        command = [sys.executable, "-m", "bench.memory", str(home), str(run_id)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Growth(**json.loads(done.stdout))


def main() -> None:
    """Do the given run of the given installation; print what it took."""
    silence_logs()
    with opened_context(Settings(home=Path(sys.argv[1]))) as app:
        before = read_peak()
        runs = []
        seconds = measure(
            lambda: runs.append(run_until_done(app, int(sys.argv[2]), owner="bench"))
        )
        after = read_peak()
    created = runs[0].counts["created"]
    grown = Growth((after - before) / MEGABYTE, after / MEGABYTE, created / seconds)
    sys.stdout.write(json.dumps(asdict(grown)))


def read_peak() -> int:
    """The most memory that this process ever held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it forked
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
