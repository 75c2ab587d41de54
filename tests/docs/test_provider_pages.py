"""The reference page of the providers says what the code says, and what was shown."""

from __future__ import annotations

import re

import pytest

from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.scenarios import list_scenarios
from labeldock.testing.suites import ProviderSuite
from tests.docs.provider_pages import (
    PAGE,
    list_infos,
    read_table,
    render_page,
)
from tests.plugins.azure.rig import AzuriteRig
from tests.plugins.gcs.rig import FakeGcsRig
from tests.plugins.local.rig import LocalRig
from tests.plugins.s3.rig import MotoRig, SwiftRig

RIGS = (MemoryRig, LocalRig, MotoRig, SwiftRig, FakeGcsRig, AzuriteRig)
SCENARIOS = list_scenarios(ProviderSuite)
TITLES = {rig: rig.title or rig.provider_name for rig in RIGS}
CELL = re.compile(r"(pass|n/a|unclaimed|xfail)( \[\d+\])*")


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def rows(page):
    """The rows of the table of scenarios, by id; the heading is that of ""."""
    lines = [line for line in read_table(page).splitlines() if line.startswith("|")]
    cells = [line.strip("|").split(" | ") for line in lines]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


def test_the_page_is_current(page):
    assert page == render_page(read_table(page)), (
        "run: python -m tests.docs.provider_pages, or ./dev conform all"
    )


def test_every_provider_of_this_repository_is_on_it(page):
    for info in list_infos():
        assert f"`{info.name}`" in page


def test_every_rig_has_a_column(rows):
    assert rows[""][0] == "scenario"
    assert set(rows[""][1:]) == set(TITLES.values())


def test_every_scenario_has_a_row_under_its_title(rows):
    shown = {key: row[0] for key, row in rows.items() if row and key}

    assert set(shown) == {each.id for each in SCENARIOS}
    for each in SCENARIOS:
        assert shown[each.id] == each.title, "run: ./dev conform all"


@pytest.mark.parametrize("rig", RIGS, ids=TITLES.get)
def test_a_column_shows_nothing_that_failed_or_was_left_out(rows, rig):
    column = rows[""].index(TITLES[rig])

    cells = {each.id: rows[each.id][column] for each in SCENARIOS}

    assert [key for key, cell in cells.items() if not CELL.fullmatch(cell)] == []
    known = {key for key, cell in cells.items() if cell.startswith("xfail")}
    assert known == set(rig.known_faults)


def test_the_reason_of_every_known_fault_is_below_the_table(page):
    for rig in RIGS:
        for reason in rig.known_faults.values():
            assert reason in read_table(page)
