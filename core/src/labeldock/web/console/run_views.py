"""What pages show of a run: words, tones, rates, time left, what happened when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from labeldock.contract.values import Purpose
from labeldock.services.run_reports import RunLine, RunReport, measure_seconds
from labeldock.services.run_samples import Sample
from labeldock.services.runs import RunView
from labeldock.web.console.storage_views import (
    COUNTS,
    describe_run,
    select_counts,
)

_KINDS: Final = {
    "import": "Import",
    "export": "Export",
    "dry_run": "Dry run",
    "backup": "Backup",
    "restore": "Restore",
    "label_studio": "Move from Label Studio",
}
_TRIGGERS: Final = {
    "manual": "asked for",
    "schedule": "by its schedule",
    "event": "after a notification",
}
_RECENT: Final = 30.0  # seconds that a rate is measured over
_ALWAYS: Final = ("created", "delivered")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as a line of a table."""

    id: int
    title: str
    storage: str
    tone: str
    status: str
    began: datetime
    seconds: float | None
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a run."""

    at: datetime
    tone: str
    text: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes.

    Attributes:
        done: objects dealt with.
        expected: about how many there will be; None if nothing tells.
        rate: objects a second, lately while it is at work, else on the whole.
        bytes_rate: bytes read a second.
        seconds_left: about how long it still takes.
    """

    done: int
    expected: int | None
    rate: float | None
    bytes_rate: float | None
    seconds_left: float | None


def view_run_line(line: RunLine) -> RunRow:
    """A run as a line of a table."""
    run = line.run
    tone, status = describe_run(run)
    return RunRow(
        id=run.id,
        title=f"{name_kind(run)} {run.id}",
        storage=line.storage_title,
        tone=tone,
        status=status,
        began=run.started_at or run.queued_at,
        seconds=measure_seconds(run, datetime.now(UTC)),
        counts=list_counts(run),
    )


def name_kind(run: RunView) -> str:
    """What kind of work it is."""
    return _KINDS.get(run.kind, run.kind)


def list_counts(run: RunView) -> tuple[tuple[str, int], ...]:
    """What it has counted that says something."""
    if run.kind in {"import", "export"}:
        return select_counts(Purpose(run.kind), run.counts)
    known = dict(COUNTS[Purpose.IMPORT])
    return tuple(
        (known.get(name, name.replace("_", " ")), count)
        for name, count in run.counts.items()
        if count
    )


def measure_pace(report: RunReport, now: datetime) -> Pace:
    """How fast it goes, as far as its samples tell."""
    run, samples = report.run, report.samples
    seconds = measure_seconds(run, now)
    window = _select_recent(samples) if run.is_active else samples
    rate, bytes_rate = _measure(window)
    if rate is None and seconds:
        rate = report.done / seconds
    left = None
    if run.is_active and rate and report.expected and report.expected > report.done:
        left = (report.expected - report.done) / rate
    return Pace(report.done, report.expected, rate, bytes_rate, left)


def _select_recent(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    if not samples:
        return ()
    since = samples[-1].at - _RECENT
    recent = tuple(sample for sample in samples if sample.at >= since)
    return recent if len(recent) > 1 else samples[-2:]


def _measure(samples: tuple[Sample, ...]) -> tuple[float | None, float | None]:
    if len(samples) < 2:
        return None, None
    first, last = samples[0], samples[-1]
    seconds = last.at - first.at
    if seconds <= 0:
        return None, None
    size = (last.size - first.size) / seconds
    return (last.objects - first.objects) / seconds, size or None


def list_moments(report: RunReport) -> list[Moment]:
    """What happened to a run, in order."""
    run = report.run
    trigger = _TRIGGERS.get(run.trigger, run.trigger)
    who = f" by {report.requested_by}" if report.requested_by else ""
    found = [Moment(run.queued_at, "idle", f"Queued, {trigger}{who}")]
    if run.started_at:
        found.append(Moment(run.started_at, "busy", "Work began"))
    found += [_view_interruption(entry) for entry in run.interruptions]
    if run.finished_at:
        tone, status = describe_run(run)
        text = status
        if run.cancelled_by:
            text = f"{status} by {run.cancelled_by}"
        found.append(Moment(run.finished_at, tone, text))
    return sorted(found, key=lambda moment: moment.at)


def _view_interruption(entry: dict[str, Any]) -> Moment:
    at = datetime.fromisoformat(entry["at"])
    tone = "idle" if entry["code"] == "handed_back" else "warn"
    worker = f"Worker {entry['owner']}" if entry["owner"] else ""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Moment(aware, tone, str(entry["message"]), worker)
