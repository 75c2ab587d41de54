"""What a bench measured: a table for people, and whether it will do."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should come to, in words, and whether it did.

    `used` is the share of the limit that was used up: of two figures with the same
    target, the one with the larger share is the worse one.
    """

    text: str
    is_met: bool
    used: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: ours, and beside it the bare way if there is one."""

    name: str
    ours: float
    unit: str
    bare: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over bare."""
        return self.ours / self.bare if self.bare else None


def at_least(value: float, least: float, text: str) -> Target:
    """A target for what should be high."""
    used = least / value if value else None
    return Target(f"{text} ≥ {render_number(least)}", value >= least, used)


def at_most(value: float, most: float, text: str) -> Target:
    """A target for what should be low."""
    return Target(f"{text} ≤ {render_number(most)}", value <= most, value / most)


def build_console() -> Console:
    """Where benches print; a log has room for whole lines."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 180
    return console


@dataclass
class Report:
    """The figures of one run, shown as they come in."""

    console: Console = field(default_factory=build_console)
    figures: list[tuple[str, Figure]] = field(default_factory=list)
    bench: str = ""

    def begin(self, bench: str) -> None:
        """What is added from now on belongs to this bench."""
        self.bench = bench

    def add(self, figure: Figure) -> None:
        """Take a figure, and say that it is there."""
        self.figures.append((self.bench, figure))
        self.console.print(
            f"  {figure.name}: {render_number(figure.ours)}", style="dim"
        )

    def show(self, bench: str) -> None:
        """Print the table of one bench."""
        table = Table("figure", title=f"bench {bench}", title_justify="left")
        for name in ("ours", "bare", "ratio"):
            table.add_column(name, justify="right")
        for name in ("unit", "target", "met"):
            table.add_column(name)
        for owner, figure in self.figures:
            if owner == bench:
                table.add_row(*_render_row(figure))
        self.console.print(table)


def _render_row(figure: Figure) -> list[str]:
    target = figure.target
    return [
        figure.name,
        render_number(figure.ours),
        render_number(figure.bare),
        render_number(figure.ratio),
        figure.unit,
        target.text if target else "",
        _render_verdict(target),
    ]


def _render_verdict(target: Target | None) -> str:
    if target is None:
        return ""
    return "[green]met[/]" if target.is_met else "[bold red]NOT MET[/]"


def render_number(value: float | None) -> str:
    """Three significant digits, thousands apart."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
