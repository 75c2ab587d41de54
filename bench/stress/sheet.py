"""The report of a stress run: tables, verdicts, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that has to hold, what was seen, and whether it did.

    What is timed says little on a machine that does other things too.
    """

    name: str
    seen: str
    limit: str
    is_met: bool
    is_timed: bool = False


def _build_console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a log has room for whole lines
    return console


@dataclass
class Sheet:
    """What is reported, in the order in which it came in."""

    console: Console = field(default_factory=_build_console)
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Cell]]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Tell how far it is; not part of the report."""
        self.console.print(f"  {text}", style="dim")

    def note(self, name: str, value: Any) -> None:
        """A fact for the JSON."""
        self.facts[name] = value

    def show(self, title: str, rows: Sequence[dict[str, Cell]]) -> None:
        """Print a table; the columns are those of its first row."""
        self.tables[title] = list(rows)
        table = Table(title=title, title_justify="left")
        for name in rows[0] if rows else ():
            is_text = isinstance(rows[0][name], str)
            table.add_column(name, justify="left" if is_text else "right")
        for row in rows:
            table.add_row(*map(_render, row.values()))
        self.console.print(table)

    def judge(
        self, name: str, seen: str, limit: str, *, is_met: bool, is_timed: bool = False
    ) -> None:
        """Take a verdict."""
        self.verdicts.append(Verdict(name, seen, limit, is_met, is_timed))

    def show_verdicts(self) -> None:
        """Print what held and what did not."""
        table = Table("what", "seen", "has to be", "verdict", title="verdicts")
        for each in self.verdicts:
            word = "[green]well[/]" if each.is_met else "[bold red]NOT WELL[/]"
            table.add_row(each.name, each.seen, each.limit, word)
        self.console.print(table)

    @property
    def is_well(self) -> bool:
        """Whether everything held."""
        return all(each.is_met for each in self.verdicts)

    def save(self, path: Path) -> None:
        """Write all of it as JSON."""
        found = {
            **self.facts,
            "tables": self.tables,
            "verdicts": [asdict(each) for each in self.verdicts],
            "is_well": self.is_well,
        }
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _render(value: Cell) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def render_milliseconds(seconds: float) -> str:
    """For a line of text."""
    return f"{1000 * seconds:,.0f} ms"
