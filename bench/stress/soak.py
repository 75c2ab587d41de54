"""The mixture for a long time: what grows, what is left open, what becomes slower."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.stress.ground import POSTGRES, Ground
from bench.stress.outcomes import Stretch, offer
from bench.stress.rest import come_to_rest
from bench.stress.sheet import Cell, Sheet, render_milliseconds
from bench.stress.watching import MEGABYTE, Look, Sample, Watcher

STRETCHES = 12
MOST_STRETCH, LEAST_STRETCH = 60.0, 2.0  # seconds
SAMPLES = 60

# What may be more at the end than at half-time: so much, or this share of it.
MORE = {"memory": 16 * MEGABYTE, "files": 16, "threads": 16}
MORE_SHARE = 0.05
# Each connection keeps what it has read, and opens the tables that it is asked for.
MORE_OF_POSTGRES = {"memory": 64 * MEGABYTE, "threads": 40}
MORE_DATABASE = 8 * MEGABYTE
MOST_PER_WRITE = 20_000.0  # bytes of the database for each annotation
MORE_REDIS = 4 * MEGABYTE
MOST_DRIFT, FREE_DRIFT = 1.5, 0.1  # times; seconds

LEAST_TOLD = 600.0  # seconds; shorter runs say nothing of an hour


@dataclass(frozen=True, slots=True)
class Soak:
    """So many requests in a second, for so many seconds, after some to warm up."""

    rate: float
    seconds: float
    warm: float = 2.0

    @property
    def stretch(self) -> float:
        """Seconds of each part that is looked at by itself."""
        return min(MOST_STRETCH, max(LEAST_STRETCH, self.seconds / STRETCHES))


def run_soak(ground: Ground, soak: Soak, sheet: Sheet) -> None:
    """Offer it, look at everything meanwhile, and judge."""
    offer(ground.make_plan(soak.rate, soak.warm))
    with Watcher(ground.look, max(1.0, soak.seconds / SAMPLES)) as watcher:
        stretches = _offer_all(ground, soak, sheet)
    seconds, left = come_to_rest(ground)
    sheet.note("rate", soak.rate)
    sheet.note("seconds", soak.seconds)
    sheet.show("soak: stretches", [_describe(each) for each in stretches])
    samples = watcher.samples
    sheet.show("soak: processes", _list_processes(samples))
    judge_answers(stretches, sheet)
    for name in samples[0].processes:
        _judge_process(name, samples, sheet)
    _judge_stores(samples, stretches, sheet)
    for name, count in left.items():
        title = f"{name}, {seconds:.0f} s later"
        sheet.judge(title, str(count), "0", is_met=not count)
    failures = f"{len(watcher.failures)} of {len(samples) + len(watcher.failures)}"
    sheet.judge("looks that failed", failures, "none", is_met=not watcher.failures)


def _offer_all(ground: Ground, soak: Soak, sheet: Sheet) -> list[Stretch]:
    stretches: list[Stretch] = []
    ended = time.monotonic() + soak.seconds
    while time.monotonic() < ended - LEAST_STRETCH / 2:
        seconds = min(soak.stretch, max(LEAST_STRETCH, ended - time.monotonic()))
        plan = ground.make_plan(soak.rate, seconds, len(stretches))
        stretches.append(offer(plan))
        p99 = render_milliseconds(stretches[-1].find_percentile(0.99))
        sheet.say(f"{ended - time.monotonic():,.0f} s left; 99th percentile {p99}")
    return stretches


def _describe(stretch: Stretch) -> dict[str, Cell]:
    bad = stretch.count_statuses(bad_only=True)
    return {
        "requests": len(stretch.rows),
        "p50 ms": 1000 * stretch.find_percentile(0.5),
        "p99 ms": 1000 * stretch.find_percentile(0.99),
        "failed": ", ".join(f"{what}: {n}" for what, n in bad.items()) or "none",
    }


def judge_answers(stretches: Sequence[Stretch], sheet: Sheet) -> None:
    """Nothing failed, and the second half was as quick as the first."""
    bad = sum(stretch.count_bad() for stretch in stretches)
    total = sum(len(stretch.rows) for stretch in stretches)
    sheet.judge("requests that failed", f"{bad} of {total:,}", "0", is_met=not bad)
    for name, share in (("median", 0.5), ("99th percentile", 0.99)):
        times = [stretch.find_percentile(share) for stretch in stretches]
        half = len(times) // 2
        first = statistics.median(times[:half] or times)
        second = statistics.median(times[half:])
        most = max(MOST_DRIFT * first, first + FREE_DRIFT)
        sheet.judge(
            f"{name} of the second half, beside the first",
            f"{render_milliseconds(second)}, {render_milliseconds(first)}",
            f"≤ {render_milliseconds(most)}",
            is_met=second <= most,
            is_timed=True,
        )


def find_growth(samples: Sequence[Sample], read: Callable[[Sample], float]) -> float:
    """By how much something grew over the second half: its slope times its length.

    A slope, since a single look at the end may be at a high or a low.
    """
    late = samples[len(samples) // 2 :]
    times = [sample.seconds for sample in late]
    if len(set(times)) < 2:
        return 0.0
    line = statistics.linear_regression(times, [read(sample) for sample in late])
    return line.slope * (times[-1] - times[0])


def _list_processes(samples: Sequence[Sample]) -> list[dict[str, Cell]]:
    first, last = samples[0], samples[-1]
    seconds = last.seconds - first.seconds
    hours = seconds / 2 / 3600
    rows: list[dict[str, Cell]] = []
    for name, look in last.processes.items():
        grown = find_growth(samples, _read(name, "memory")) / MEGABYTE
        before = first.processes[name]
        rows.append(
            {
                "process": name,
                "CPU %": 100 * (look.cpu - before.cpu) / max(seconds, 1.0),
                "memory MB": look.memory / MEGABYTE,
                "at first": before.memory / MEGABYTE,
                "second half MB": grown,
                "in an hour MB": grown / hours if seconds >= LEAST_TOLD else None,
                "files": look.files,
                "threads": look.threads,
            }
        )
    return rows


def _read(name: str, field: str) -> Callable[[Sample], float]:
    nothing = Look(0.0, 0, 0, 0)
    return lambda sample: float(getattr(sample.processes.get(name, nothing), field))


def _judge_process(name: str, samples: Sequence[Sample], sheet: Sheet) -> None:
    half = samples[len(samples) // 2]
    for field, free in (MORE_OF_POSTGRES if name == POSTGRES else MORE).items():
        unit, size = ("MB", MEGABYTE) if field == "memory" else ("", 1)
        read = _read(name, field)
        most = max(free, MORE_SHARE * read(half))
        grown = find_growth(samples, read)
        sheet.judge(
            f"{name}: more {field} in the second half",
            f"{grown / size:,.1f} {unit}".strip(),
            f"≤ {most / size:,.0f} {unit}".strip(),
            is_met=grown <= most,
        )


def _judge_stores(
    samples: Sequence[Sample], stretches: Sequence[Stretch], sheet: Sheet
) -> None:
    writes = sum(len(stretch.list_made("annotate")) for stretch in stretches)
    first, last = samples[0].stores, samples[-1].stores
    grown = last.database - first.database
    most = max(MORE_DATABASE, MOST_PER_WRITE * writes)
    sheet.judge(
        f"database, {writes:,} annotations",
        f"{last.database / MEGABYTE:,.1f} MB, {grown / MEGABYTE:,.1f} more",
        f"≤ {most / MEGABYTE:,.1f} MB more",
        is_met=grown <= most,
    )
    more = find_growth(samples, lambda sample: float(sample.stores.redis))
    sheet.judge(
        "Redis, by its own count: more memory in the second half",
        f"{more / MEGABYTE:,.2f} MB of {last.redis / MEGABYTE:,.1f}",
        f"≤ {MORE_REDIS / MEGABYTE:,.0f} MB",
        is_met=more <= MORE_REDIS,
    )
    queued = max(sample.stores.queued for sample in samples)
    sheet.note("most messages in Redis", queued)
