"""The one table: every figure that was promised, beside what, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.machine import QUIET
from bench.promises import Promise
from bench.record import Outcome, Record
from bench.report import Figure, render_number


class Verdict(StrEnum):
    """What is said of a line."""

    MET = "met"
    MISSED = "NOT MET"
    FAILED = "FAILED"
    ABSENT = "not measured"
    FREE = ""  # it has no target


BAD = (Verdict.MISSED, Verdict.FAILED)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        bench: which bench it is of.
        text: what was measured.
        verdict: what is to be said of it.
        figure: the numbers, if there are any.
        beside: what the second number is.
        reason: why there are none.
    """

    bench: str
    text: str
    verdict: Verdict
    figure: Figure | None = None
    beside: str = ""
    reason: str = ""

    @property
    def ours(self) -> str:
        """The number, with its unit."""
        figure = self.figure
        return f"{render_number(figure.ours)} {figure.unit}" if figure else ""

    @property
    def theirs(self) -> str:
        """What it is compared with."""
        if self.figure is None or self.figure.bare is None:
            return ""
        return f"{render_number(self.figure.bare)} {self.beside}"

    @property
    def ratio(self) -> str:
        """Ours over theirs."""
        return render_number(self.figure.ratio) if self.figure else ""

    @property
    def target(self) -> str:
        """What it should come to."""
        has_target = self.figure is not None and self.figure.target is not None
        return self.figure.target.text if has_target else ""  # type: ignore[union-attr]

    @property
    def outcome(self) -> str:
        """The verdict, with its reason."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


def is_good(lines: Iterable[Line]) -> bool:
    """Whether every target was met that was measured, and no bench failed."""
    return not any(line.verdict in BAD for line in lines)


def build_lines(record: Record, promises: Sequence[Promise]) -> list[Line]:
    """What was promised of the benches that ran, then what else has a target."""
    lines = []
    for outcome in record.outcomes:
        figures = [figure for bench, figure in record.rows if bench == outcome.name]
        mine = [promise for promise in promises if promise.bench == outcome.name]
        if outcome.failure:
            lines.append(_tell_failure(outcome))
        lines += [_hold(promise, figures, outcome) for promise in mine]
        lines += [
            _judge(outcome.name, figure.name, figure, "bare")
            for figure in figures
            if figure.target is not None and not any(_is_of(figure, p) for p in mine)
        ]
    return lines


def _is_of(figure: Figure, promise: Promise) -> bool:
    return fnmatchcase(figure.name, promise.figures)


def _tell_failure(outcome: Outcome) -> Line:
    text = f"the bench {outcome.name}"
    return Line(outcome.name, text, Verdict.FAILED, reason=outcome.failure)


def _hold(promise: Promise, figures: list[Figure], outcome: Outcome) -> Line:
    """The line of a promise."""
    found = [figure for figure in figures if _is_of(figure, promise)]
    if found:
        worst = max(found, key=_measure_need)
        text = worst.name
        if len(found) > 1:
            text = f"{promise.text}, the nearest to its limit of {len(found)}: {text}"
        return _judge(promise.bench, text, worst, promise.beside)
    if outcome.failure:
        verdict, reason = Verdict.ABSENT, "the bench failed"
    elif promise.needs:
        verdict, reason = Verdict.ABSENT, f"needs {promise.needs}"
    else:
        verdict, reason = Verdict.FAILED, "the bench gave no such figure"
    return Line(promise.bench, promise.text, verdict, reason=reason)


def _measure_need(figure: Figure) -> tuple[bool, float]:
    """How near a figure is to its limit, or past it."""
    target = figure.target
    if target is None:
        return False, 0.0
    return not target.is_met, target.used or 0.0


def _judge(bench: str, text: str, figure: Figure, beside: str) -> Line:
    verdict = Verdict.FREE
    if figure.target is not None:
        verdict = Verdict.MET if figure.target.is_met else Verdict.MISSED
    return Line(bench, text, verdict, figure, beside)


# For the terminal

HEADINGS = ("bench", "figure", "ours", "compared with", "ratio", "target", "")
COLOURS = {
    Verdict.MET: "green",
    Verdict.MISSED: "bold red",
    Verdict.FAILED: "bold red",
    Verdict.ABSENT: "yellow",
}


def show_lines(console: Console, lines: Sequence[Line], record: Record) -> None:
    """Print the table, and what it was measured on."""
    table = Table(*HEADINGS)
    table.columns[4].justify = "right"
    last = ""
    for line in lines:
        if line.bench != last:
            table.add_section()
        table.add_row("" if line.bench == last else line.bench, *_render_cells(line))
        last = line.bench
    console.print(table)
    console.print(count_verdicts(lines), markup=False)
    console.print(describe_circumstances(record), markup=False)


def _render_cells(line: Line) -> Iterator[Text]:
    for text in (line.text, line.ours, line.theirs, line.ratio, line.target):
        yield Text(text)
    yield Text(line.outcome, style=COLOURS.get(line.verdict, ""))


def count_verdicts(lines: Iterable[Line]) -> str:
    """How many targets were met, and how many were not."""
    found = [line.verdict for line in lines]
    parts = [
        f"{found.count(verdict)} {verdict.lower()}"
        for verdict in (Verdict.MET, Verdict.MISSED, Verdict.FAILED, Verdict.ABSENT)
        if verdict in found
    ]
    return "Targets: " + (", ".join(parts) or "none") + "."


def describe_circumstances(record: Record) -> str:
    """Where, when and how it was measured."""
    machine = record.machine
    processor = f" ({machine.processor})" if machine.processor else ""
    how = "quickly, with less of everything" if record.is_quick else "in full"
    seconds = sum(outcome.seconds for outcome in record.outcomes)
    text = (
        f"Measured {how} on {machine.date} at commit {machine.commit}, in "
        f"{seconds / 60:.0f} minutes, on {machine.cores} cores{processor}, "
        f"{machine.system}, Python {machine.python}"
    )
    if record.busy <= QUIET:
        return f"{text}; nothing else ran."
    share = f"up to {100 * record.busy:.0f} % of its processors"
    return f"{text}, BESIDE OTHER WORK: {share} were busy before a bench began."
