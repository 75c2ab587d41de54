"""Every line of what Label Studio's API promises is shown, or differs and says why."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.architecture.sources import ROOT
from tests.compat.differences import PAGE
from tests.compat.walk import (
    checklist,
    conventions,
    media_routes,
    sdk_calls,
    storage_answers,
    storage_routes,
)
from tests.compat.walk.lines import LINES
from tests.compat.walk.world import World

MODULES = (
    checklist, conventions, media_routes, sdk_calls, storage_answers, storage_routes,
)  # fmt: skip
SHOWN = [line for line in LINES if line.show]


@pytest.fixture(scope="module")
def world(service, bucket):
    made = World(service, bucket)
    yield made
    made.close()


@pytest.mark.parametrize("line", SHOWN, ids=[line.name for line in SHOWN])
def test_a_line_holds(world, line):
    line.show(world)


def test_what_differs_is_in_the_documentation():
    page = PAGE.read_text("utf-8")

    for line in LINES:
        if line.differs:
            assert line.differs in page, line.name


def test_what_is_shown_elsewhere_is_shown_there():
    for line in LINES:
        if line.elsewhere:
            path, name = line.elsewhere
            text = (ROOT / path).read_text("utf-8")
            assert f"def {name}(" in text, line.name


def test_no_section_is_left_out_and_no_line_is_there_twice():
    sections = Counter(line.section for line in LINES)

    assert sorted(sections) == [f"2.{number}" for number in range(1, 9)]
    assert len({line.name for line in LINES}) == len(LINES)
