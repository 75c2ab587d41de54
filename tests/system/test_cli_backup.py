"""Backups from a terminal: made, copied out, verified, planned."""

from __future__ import annotations

import json
import zipfile

import pytest

from labeldock.services.backups import format as archive
from tests.system.terminal import Terminal

EMAIL, PASSWORD = "admin@example.org", "admin-password"


@pytest.fixture
def terminal(home, tmp_path, folder):
    """A home with users and a project that has a picture."""
    (folder / "birds").mkdir()
    (folder / "birds" / "a.jpg").write_bytes(b"a picture")
    terminal = Terminal(home, folder)
    terminal.run("project", "create", "--title", "Birds")
    place = ("--path", folder / "birds", "--use-blob-urls", "true", "--project", "1")
    terminal.run("storage", "add", "local", *place)
    terminal.run("storage", "sync", "1")
    return terminal


def read_manifest(path):
    with zipfile.ZipFile(path) as opened:
        return json.loads(opened.read(archive.MANIFEST))


def test_a_file_in_no_folder_is_refused_before_the_work(terminal, tmp_path):
    output = tmp_path / "missing" / "birds.zip"

    said = terminal.refuse("backup", "1", "--output", output, code=2)

    assert "there is no folder" in said
    assert terminal.query("SELECT kind FROM run") == [("import",)]


def test_a_backup_is_made_verified_and_planned(terminal, tmp_path):
    full, light, text = (tmp_path / name for name in ("full", "light", "text"))
    text.write_text("no archive")

    made = terminal.run("backup", "1", "--output", full)
    terminal.run("backup", "1", "--lightweight", "--output", light)
    checked = terminal.run("verify", full)
    planned = terminal.run("backup-plan", "1", "--schedule", "@daily", "--keep", "3")

    assert "A full backup" in made.stdout
    assert read_manifest(full)["counts"]["media"] == 1
    assert read_manifest(light)["kind"] == "lightweight"
    assert "1 tasks, 0 annotations, 0 predictions, 1 objects" in checked.stdout
    assert "full backups, @daily" in planned.stdout
    assert "the last 3" in planned.stdout
    assert "archive" in terminal.refuse("verify", text)
