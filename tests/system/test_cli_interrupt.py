"""Ctrl-C during a sync leaves a run that goes on from its place."""

from __future__ import annotations

import signal

import pytest

from tests.system.terminal import Terminal, stop, wait_until

FILES = 400


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sync_goes_on_from_its_place(terminal, project, folder, ending):
    for number in range(FILES):
        (folder / f"{number:04}.txt").touch()
    words = ["--project", project.id, "--blob", "--path", folder]
    terminal.run("storage", "add", "local", *words)

    with terminal.start("storage", "sync", "1", LABELDOCK_PAGE_SIZE="1") as process:
        wait_until(lambda: count(terminal, "task") > 3, "the first tasks")
        code, _ = stop(process, ending)
        _, said = process.communicate()
    left = count(terminal, "task")
    held = terminal.query("SELECT state, lease_owner FROM run")
    run = terminal.ask("storage", "sync", "1")

    assert code == 130
    assert "labeldock storage sync 1" in said
    assert "Traceback" not in said
    assert left < FILES
    assert held[0][0] in {"queued", "in_progress"}
    assert held[0][1] == ""
    assert (run["id"], run["state"]) == (1, "completed")
    assert run["counts"]["created"] == FILES
    assert count(terminal, "task") == count(terminal, "import_link") == FILES


def count(terminal, table):
    return terminal.query(f"SELECT count(*) FROM {table}")[0][0]
