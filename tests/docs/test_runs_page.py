"""docs/explanation/runs.md says what the code does: its tables are compared with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from labeldock.contract import errors
from labeldock.db.tables import ACTIVE_RUN_STATES, RunState
from labeldock.services.exporting.claims import LEASE_SECONDS
from labeldock.services.interruptions import KEPT
from labeldock.services.leases import compute_backoff
from labeldock.services.storages import STATUS_OF
from labeldock.services.working import DatabaseUnavailable
from labeldock.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/runs.md").read_text("utf-8")
TESTS = (ROOT / "tests/chaos/test_terminations.py").read_text("utf-8")
CODE = re.compile(r"`([^`]+)`")


def read_table(heading):
    """The rows of the table below a heading, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line
    ]
    return rows[2:]


def test_every_state_is_told_with_what_the_storage_shows():
    told = {
        CODE.findall(row[0])[0]: CODE.findall(row[2])[0] for row in read_table("States")
    }

    assert told == {s: STATUS_OF.get(s, s) for s in get_args(RunState)}
    assert set(list(told)[:3]) == set(ACTIVE_RUN_STATES)


def test_every_termination_has_its_test():
    told = [
        CODE.findall(row[-1])[0] for row in read_table("When it ends before its time")
    ]

    assert told == re.findall(r"^def (test_\w+)", TESTS, re.MULTILINE)


def test_the_attempts_are_as_told():
    rows = read_table("Attempts")
    passing = CODE.findall(rows[0][0])
    waits = [int(n) for n in re.findall(r"\d+", rows[0][1])]

    kinds = (errors.Unavailable, errors.OperationTimeout, DatabaseUnavailable)
    assert passing == [*(kind.code for kind in kinds), "internal_error"]
    assert waits == [*(compute_backoff(n, kinds[0]("x")) for n in (1, 2, 3, 4)), 5]
    assert compute_backoff(99, kinds[0]("x")) == 5 * 60
    assert CODE.findall(rows[1][0]) == [errors.RateLimited.code]
    assert compute_backoff(1, errors.RateLimited("x", retry_after=9e9)) == 60 * 60
    assert CODE.findall(rows[3][0])[0] == errors.AccessDenied.code
    assert not errors.AccessDenied.retryable
    assert f"the last {KEPT} times" in PAGE


@pytest.mark.parametrize("row", read_table("Numbers"), ids=lambda row: row[0])
def test_a_number_is_the_default(row):
    name = CODE.findall(row[0])[0].removeprefix("LABELDOCK_").lower()

    assert float(row[1]) == Settings.model_fields[name].default


def test_the_lease_is_six_heartbeats():
    settings = Settings()

    assert settings.lease_seconds == 6 * settings.storage_in_progress_timer == 60
    assert settings.stall_limit + settings.lease_seconds == 6 * 60
    assert LEASE_SECONDS == 2 * 60
