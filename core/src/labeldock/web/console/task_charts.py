"""The plot of a project: its tasks and the labelled ones over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from labeldock.services.progress_history import Point
from labeldock.services.projects import ProjectView
from labeldock.web.console.charts import Chart, draw_line
from labeldock.web.console.wording import render_number, render_utc


def draw_progress(project: ProjectView, points: Sequence[Point]) -> Chart | None:
    """Tasks by state over time; None while there is nothing to see."""
    now = Point(
        datetime.now(UTC),
        project.task_number,
        project.finished_task_number,
        project.total_annotations_number,
    )
    known = [*points, now]
    top = float(max(point.tasks for point in known))
    if len(known) < 3 or not top:
        return None
    tasks = [(point.at.timestamp(), float(point.tasks)) for point in known]
    finished = [(point.at.timestamp(), float(point.finished)) for point in known]
    return Chart(
        title="Tasks over time",
        summary=f"from {points[0].tasks} to {now.tasks} tasks, {now.finished} labelled",
        top=render_number(top),
        first=render_utc(points[0].at),
        last="now",
        legend=(("idle", "Tasks"), ("good", "Labelled")),
        lines=(draw_line(tasks, "idle", top), draw_line(finished, "good", top)),
    )
