"""`labeldock migrate --to`: the installation goes on with PostgreSQL as it was."""

from __future__ import annotations

import pytest

from labeldock.db.secrets import KEY_FILE
from tests.system.terminal import Terminal


@pytest.mark.full
def test_an_installation_moves_and_its_secrets_stay_readable(
    home, folder, postgres_url
):
    terminal = Terminal(home, folder)
    project = terminal.ask("project", "create", "--title", "Birds")["id"]
    terminal.run("webhook", "add", "https://hooks.example.org/x", "-p", project)
    before = terminal.ask("user", "list")

    said = terminal.run("migrate", "--to", "@env:TARGET", TARGET=postgres_url).stdout
    again = terminal.refuse(
        "migrate", "--to", "@env:TARGET", code=1, TARGET=postgres_url
    )

    key = (home / KEY_FILE).read_text().strip()
    moved = {"LABELDOCK_DATABASE_URL": postgres_url, "LABELDOCK_SECRET_KEY": key}
    findings = {f["check"]: f for f in terminal.ask("doctor", **moved)}
    assert "found every one of them the same" in said
    assert f"to what is in {home / KEY_FILE}" in said
    assert key not in said
    assert "The target is not empty" in again
    assert findings["schema"]["level"] == "ok"
    assert findings["stored secrets"]["message"] == "1, readable"
    assert terminal.ask("user", "list", **moved) == before


def test_without_a_database_in_the_home_folder_nothing_is_moved(tmp_path, postgres_url):
    said = Terminal(tmp_path / "none").refuse("migrate", "--to", postgres_url)

    assert "There is no SQLite database to move." in said
    assert not (tmp_path / "none").exists()
