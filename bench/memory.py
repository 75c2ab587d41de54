"""Memory of an importing process, for ten thousand objects and for a million.

The million of a deep tree is a bucket's, of a server that makes its listing up: to
create and remove so many files takes longer than to import them. What a deep tree of
files on a disk does is seen with a tenth.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.installation import SECRET_KEY, Installation, opened_installation
from bench.object_server import served_objects
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
    most = 100_000 if is_quick else 1_000_000
    for name, many in (
        ("flat folder", most),
        ("deep tree", 100_000),
        ("deep bucket", most),
    ):
        few, grown = _import_elsewhere(name, FEW), _import_elsewhere(name, many)
        _add(report, f"{name}, {many:,} beside {FEW:,}", few, grown)


@dataclass(frozen=True, slots=True)
class Growth:
    """By how many megabytes a process grew, what it held at most, how fast it was.

    `again` is how fast it was when nothing was new.
    """

    megabytes: float
    peak: float
    rate: float
    again: float = 0.0


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
        ("speed of a second sync", many.again, few.again, "objects/s", None),
    ):
        report.add(Figure(f"{what}: {name}", ours, unit, bare, target))


def _import_elsewhere(name: str, files: int) -> Growth:
    with temporary_folder() as folder, ExitStack() as stack:
        home = folder / "home"
        here = stack.enter_context(opened_installation(home, roots=folder))
        storage_id = _connect(here, stack, name, folder / "tree", files)
        grown = []
        for _ in range(2):
            run_id = here.request_import(storage_id)
            command = [sys.executable, "-m", "bench.memory", str(home), str(run_id)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            grown.append(Growth(**json.loads(done.stdout)))
    first, second = grown
    return Growth(
        max(first.megabytes, second.megabytes),
        max(first.peak, second.peak),
        first.rate,
        second.rate,
    )


def _connect(
    here: Installation, stack: ExitStack, name: str, tree: Path, objects: int
) -> int:
    """The number of a storage with so many objects."""
    if name == "flat folder":
        return here.connect_media(make_flat(tree, objects))
    if name == "deep tree":
        folders = objects // FILES_PER_FOLDER
        return here.connect_media(
            make_deep(tree, folders=folders, files=FILES_PER_FOLDER)
        )
    options = ("--count", str(objects), "--per-folder", str(FILES_PER_FOLDER))
    return here.connect_bucket(stack.enter_context(served_objects(*options)))


def main() -> None:
    """Do the given run of the given installation; print what it took."""
    silence_logs()
    settings = Settings(home=Path(sys.argv[1]), secret_key=SECRET_KEY)
    with opened_context(settings) as app:
        before = read_peak()
        runs = []
        seconds = measure(
            lambda: runs.append(run_until_done(app, int(sys.argv[2]), owner="bench"))
        )
        after = read_peak()
    rate = runs[0].counts["seen"] / seconds
    grown = Growth((after - before) / MEGABYTE, after / MEGABYTE, rate)
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
