"""Commands and web processes beside a database that a newer version has migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.system.terminal import Terminal

AHEAD = "UPDATE alembic_version SET version_num = 'next'"
FLOOR = "INSERT INTO schema_floor VALUES ('next', '99.0.0', '2026-01-01')"


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


def change(home, *statements):
    with closing(sqlite3.connect(home / "labeldock.sqlite3")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_newer_schema_is_used_until_it_lacks_something(terminal, home):
    change(home, AHEAD)

    said = terminal.run("migrate").stdout
    findings = {each["check"]: each for each in terminal.ask("doctor")}
    change(home, FLOOR)
    refused = terminal.refuse("storage", "list")

    assert said.endswith("of a newer version, which this one can work with.\n")
    assert findings["schema"]["level"] == "warn"
    assert "Upgrade all processes" in findings["schema"]["remedy"]
    assert "users" in findings  # all else is looked at, too
    assert "which needs version 99.0.0 or later" in refused
    assert "Install the newer version" in refused


def test_requests_are_kept_from_a_process_that_lacks_something(client, home):
    change(home, AHEAD)
    before = client.get("/ready")
    change(home, FLOOR)
    after = client.get("/ready")

    assert before.json() == {"status": "READY"}
    assert after.status_code == 503
    assert "needs version 99.0.0 or later" in after.json()["detail"]
