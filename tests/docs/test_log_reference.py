"""The page of the log is about the events that there are."""

from __future__ import annotations

import inspect
from pathlib import Path

from labeldock.cli import serving
from labeldock.cli.log_reference import list_lines, render_reference
from labeldock.cli.log_texts import EVENTS, MORE

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "log.md"


def test_every_event_has_a_text_and_every_text_an_event():
    assert {line.event for line in list_lines()} | set(MORE) == set(EVENTS)


def test_what_is_announced_is_among_them():
    announced = inspect.getsource(serving)

    for event in ("service_started", "worker_started", "metrics_served"):
        assert f'"{event}"' in announced


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == render_reference(), (
        "run: python -m labeldock.cli.log_reference > docs/reference/log.md"
    )
