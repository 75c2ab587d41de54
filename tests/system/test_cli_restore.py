"""`labeldock restore` and `labeldock attach`, as somebody types them."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from tests.system.terminal import Terminal


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.fixture
def project(terminal, folder):
    """A project of two pictures, and its lightweight backup."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (pictures / name).write_bytes(name.encode() * 50)
    number = terminal.ask("project", "create", "--title", "Birds")["id"]
    words = ["--project", number, "--path", pictures, "--use-blob-urls"]
    storage = terminal.ask("storage", "add", "local", *words)["id"]
    terminal.run("storage", "sync", storage)
    return number, storage


def test_a_backup_is_restored_and_a_copy_attached(terminal, project, folder, tmp_path):
    number, storage = project
    archive = tmp_path / "birds.zip"
    terminal.run("backup", number, "--lightweight", "--output", archive)
    shutil.copytree(folder / "pictures", folder / "moved")

    said = terminal.run("restore", archive)
    restored = int(said.stdout.rpartition("project ")[2].strip(". \n"))
    waiting = terminal.run("attach", "--project", restored)
    words = ["--project", restored, "--path", folder / "moved", "--use-blob-urls"]
    moved = terminal.ask("storage", "add", "local", *words)["id"]
    attached = terminal.run("attach", "--project", restored, "--storage", moved)
    all_found = terminal.run(
        "attach", "--project", restored, "--storage", moved, "--verify", "all"
    )
    again = terminal.ask("storage", "sync", moved)
    removed = terminal.run("storage", "remove", storage)

    assert "detached, 2 tasks" in waiting.stdout
    assert "2 references linked, 0 left." in attached.stdout
    assert "2 found" in attached.stdout
    assert f"connected by storage {moved}" in all_found.stdout
    assert (again["counts"]["new"], again["counts"]["existed"]) == (0, 2)
    assert "Media of 2 tasks come from this storage" in removed.stderr


@pytest.mark.full
def test_a_file_that_is_no_backup_leaves_nothing(terminal, home, project, tmp_path):
    path = tmp_path / "odd.zip"
    path.write_bytes(b"PK" + bytes(100))

    said = terminal.run("restore", path, code=1)

    assert "not a whole zip file" in said.stderr
    with sqlite3.connect(home / "labeldock.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM project").fetchone() == (1,)
    database.close()


def test_it_has_to_be_said_where_the_archive_is(terminal):
    assert "Give a file, or --storage and --key." in terminal.run(
        "restore", code=2
    ).stderr.replace("\n", " ")
