"""Plots as SVG, drawn here: shapes only, stretched to the width that there is.

Words and numbers stand beside them as text of the page, so that they stay readable at
any width. Colours come from classes of the stylesheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 600.0
HEIGHT: Final = 120.0
_GAP: Final = 0.2  # of a bar's place
_LEAST_BAR: Final = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its height's value, its tone, what it stands for, and where it leads."""

    value: float
    tone: str
    title: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A bar's place in the drawing."""

    bar: Bar
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: its outline, the area below it, and its tone."""

    tone: str
    outline: str
    area: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with its words.

    Attributes:
        title: what is shown.
        summary: what one sees in it, for those who cannot.
        top: the greatest value, in words.
        first, last: what the left and the right end stand for.
        legend: tones and their names, where there are several.
    """

    title: str
    summary: str
    top: str
    first: str = ""
    last: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()
    bars: tuple[Shape, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT


def draw_line(
    points: Sequence[tuple[float, float]], tone: str, top: float, *, floor: float = 0.0
) -> Line:
    """A curve through points in the order of x, scaled so that `top` is the height."""
    first, last = points[0][0], points[-1][0]
    span = (last - first) or 1.0
    placed = [
        ((x - first) / span * WIDTH, _scale(y, top, floor=floor)) for x, y in points
    ]
    if len(placed) == 1:
        placed.append((WIDTH, placed[0][1]))
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    area = f"{placed[0][0]:.1f},{HEIGHT:.1f} {outline} {placed[-1][0]:.1f},{HEIGHT:.1f}"
    return Line(tone, outline, area)


def draw_bars(bars: Sequence[Bar], top: float, *, places: int = 0) -> tuple[Shape, ...]:
    """Bars side by side; with `places`, as wide as if there were that many."""
    step = WIDTH / max(len(bars), places, 1)
    return tuple(_place_bar(bar, at * step, step, top) for at, bar in enumerate(bars))


def _place_bar(bar: Bar, x: float, step: float, top: float) -> Shape:
    height = max(HEIGHT - _scale(bar.value, top), _LEAST_BAR)
    width = step * (1 - _GAP)
    return Shape(bar, round(x, 1), round(HEIGHT - height, 1), round(width, 1), height)


def _scale(value: float, top: float, *, floor: float = 0.0) -> float:
    """How far from the top a value lies."""
    share = (value - floor) / ((top - floor) or 1.0)
    return round(HEIGHT * (1 - min(max(share, 0.0), 1.0)), 1)
