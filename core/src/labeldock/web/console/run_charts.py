"""Plots of runs: objects and bytes a second, the storage's latency, the history."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

from labeldock.services.run_samples import Sample
from labeldock.web.console.charts import Bar, Chart, draw_bars, draw_line
from labeldock.web.console.run_views import RunRow
from labeldock.web.console.wording import (
    render_bytes,
    render_duration,
    render_number,
)

_PLACES: Final = 20
_LEAST: Final = 3  # samples that make a curve
Point = tuple[float, float]


def draw_run(samples: Sequence[Sample]) -> list[Chart]:
    """The plots of one run; none while too little was recorded of it."""
    if len(samples) < _LEAST:
        return []
    span = samples[-1].at - samples[0].at
    objects = _list_rates(samples, lambda sample: sample.objects)
    sizes = _list_rates(samples, lambda sample: sample.size)
    latencies = [(sample.at, sample.latency) for sample in samples if sample.latency]
    found = [_draw("Objects a second", objects, _render_rate, "accent", span)]
    if any(rate for _, rate in sizes):
        found.append(_draw("Read a second", sizes, _render_size_rate, "good", span))
    if len(latencies) >= _LEAST:
        title = "How long the storage took for a page"
        found.append(_draw(title, latencies, _render_latency, "busy", span))
    return found


def draw_history(rows: Sequence[RunRow]) -> Chart | None:
    """The last runs of a storage, newest at the right: how long each took."""
    shown = [row for row in reversed(rows) if row.seconds is not None][-_PLACES:]
    if len(shown) < 2:
        return None
    top = max(row.seconds or 0.0 for row in shown) or 1.0
    bars = [
        Bar(
            row.seconds or 0.0,
            row.tone,
            f"{row.title}: {row.status}, {render_duration(row.seconds or 0.0)}",
        )
        for row in shown
    ]
    bad = sum(row.tone == "bad" for row in shown)
    return Chart(
        title="How long runs took",
        summary=f"{len(shown)} runs, {bad} of them failed",
        top=f"at most {render_duration(top)}",
        first=shown[0].title,
        last=shown[-1].title,
        legend=_list_tones(shown),
        bars=draw_bars(bars, top, places=_PLACES),
    )


def _list_tones(rows: Sequence[RunRow]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((row.tone, row.status) for row in rows))


def _list_rates(
    samples: Sequence[Sample], read: Callable[[Sample], float]
) -> list[Point]:
    pairs = itertools.pairwise(samples)
    return [
        (after.at, max(0.0, (read(after) - read(before)) / (after.at - before.at)))
        for before, after in pairs
        if after.at > before.at
    ]


def _draw(
    title: str,
    points: Sequence[Point],
    render: Callable[[float], str],
    tone: str,
    span: float,
) -> Chart:
    values = [value for _, value in points]
    top = max(values) or 1.0
    mean = sum(values) / len(values)
    return Chart(
        title=title,
        summary=f"{render(mean)} on average, {render(max(values))} at most",
        top=f"at most {render(max(values))}",
        first="Start",
        last=render_duration(span),
        lines=(draw_line(points, tone, top),),
    )


def _render_rate(value: float) -> str:
    return f"{render_number(round(value, 1))}/s"


def _render_size_rate(value: float) -> str:
    return f"{render_bytes(value)}/s"


def _render_latency(value: float) -> str:
    return render_duration(value / 1000)


def draw_latency(latencies: Sequence[tuple[int, float]]) -> Chart | None:
    """How long a storage took for a page of its listing, run by run."""
    shown = list(reversed(latencies))
    if len(shown) < 2:
        return None
    top = max(value for _, value in shown) or 1.0
    bars = [
        Bar(value, "busy", f"Run {number}: {_render_latency(value)}")
        for number, value in shown
    ]
    return Chart(
        title="How long the storage took for a page",
        summary=f"{_render_latency(shown[-1][1])} in the last run",
        top=f"at most {_render_latency(top)}",
        first=f"Run {shown[0][0]}",
        last=f"Run {shown[-1][0]}",
        bars=draw_bars(bars, top, places=_PLACES),
    )
