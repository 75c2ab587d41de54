"""The support table: which scenario came out how for which provider.

It is made of pytest's reports, which carry the scenario in their properties; those
travel from the processes of pytest-xdist too. Nothing here imports the contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

SCENARIO: Final = "labeldock_scenario"
"""Property of a test: title of the rig, id, title, rank of the scenario."""

NOTE: Final = "labeldock_note"
"""Property of a test: a remark for its cell."""

NOT_APPLICABLE: Final = "not applicable: "
UNCLAIMED: Final = "not claimed, yet it works: "


class Outcome(StrEnum):
    """How a scenario came out, as the table shows it."""

    PASSED = "pass"
    FAILED = "FAIL"
    NOT_APPLICABLE = "n/a"
    UNCLAIMED = "unclaimed"
    EXPECTED_FAILURE = "xfail"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario for one provider, with what there is to say about it."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()


@dataclass
class SupportTable:
    """Scenarios in rows, rigs in columns.

    Attributes:
        titles: by scenario, in order of their ranks when rendered.
        cells: by rig and scenario.
    """

    titles: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    _ranks: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add_report(self, report: Any) -> None:  # a TestReport; pytest is not imported
        """Take in the report of one phase of a test, if it is one of a scenario."""
        properties = list(report.user_properties)
        found = [value for name, value in properties if name == SCENARIO]
        if not found or (cell := _read_cell(report)) is None:
            return
        rig, scenario, title, rank = found[0]
        self.titles[scenario] = title
        self._ranks[scenario] = tuple(rank)
        column = self.cells.setdefault(rig, {})
        if scenario not in column or cell.outcome is not Outcome.PASSED:
            column[scenario] = cell

    def list_rows(self) -> list[str]:
        """The ids of all scenarios, in order."""
        return sorted(self.titles, key=self._ranks.__getitem__)

    def render_summary(self) -> list[str]:
        """One line per rig: how many came out how."""
        return [f"{rig}: {_count(column.values())}" for rig, column in self._columns()]

    def render_text(self) -> list[str]:
        """The table for a terminal, and the reasons below it."""
        reasons = _Reasons()
        rows = [["", *self.cells, "scenario"]]
        rows += [[*cells, self.titles[cells[0]]] for cells in self._render(reasons)]
        return [*_align(rows), "", *reasons.render("[{}] {}")]

    def render_markdown(self) -> str:
        """The table for a page of the documentation."""
        reasons = _Reasons()
        lines = [_join(["", "scenario", *self.cells]), "|---" * (len(self.cells) + 2)]
        lines[1] += "|"
        for scenario, *cells in self._render(reasons):
            lines.append(_join([scenario, self.titles[scenario], *cells]))
        notes = list(reasons.render("{}. {}"))
        return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])

    def _columns(self) -> Iterable[tuple[str, dict[str, Cell]]]:
        return self.cells.items()

    def _render(self, reasons: _Reasons) -> Iterator[list[str]]:
        missing = Cell(Outcome.NOT_RUN)
        for scenario in self.list_rows():
            cells = [column.get(scenario, missing) for column in self.cells.values()]
            yield [scenario, *(_render_cell(cell, reasons) for cell in cells)]


class _Reasons:
    """Numbered reasons, each once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def find_number(self, reason: str) -> int:
        return self._numbers.setdefault(reason, len(self._numbers) + 1)

    def render(self, form: str) -> Iterator[str]:
        for reason, number in self._numbers.items():
            yield form.format(number, reason)


def _read_cell(report: Any) -> Cell | None:  # a TestReport
    notes = tuple(text for name, text in report.user_properties if name == NOTE)
    if report.failed:
        return Cell(Outcome.FAILED, notes)
    if report.skipped:
        return _read_skipped(report)
    return Cell(Outcome.PASSED, notes) if report.when == "call" else None


def _read_skipped(report: Any) -> Cell:  # a TestReport
    if expected := getattr(report, "wasxfail", None):
        return Cell(Outcome.EXPECTED_FAILURE, (expected.removeprefix("reason: "),))
    reason = str(report.longrepr[2]).removeprefix("Skipped: ")
    for outcome, lead in (
        (Outcome.NOT_APPLICABLE, NOT_APPLICABLE),
        (Outcome.UNCLAIMED, UNCLAIMED),
    ):
        if reason.startswith(lead):
            return Cell(outcome, (reason.removeprefix(lead),))
    return Cell(Outcome.NOT_RUN, (reason,))


def _render_cell(cell: Cell, reasons: _Reasons) -> str:
    numbers = "".join(f" [{reasons.find_number(text)}]" for text in cell.reasons)
    return f"{cell.outcome}{numbers}"


def _count(cells: Iterable[Cell]) -> str:
    counts = Counter(cell.outcome for cell in cells)
    return ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _join(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
