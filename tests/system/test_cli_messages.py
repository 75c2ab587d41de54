"""`labeldock webhook` and `labeldock storage events` at the terminal."""

from __future__ import annotations

import re

import pytest

from tests.system.terminal import Terminal

HERE = "http://127.0.0.1:1/hook"


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


def test_a_webhook_from_its_beginning_to_its_end(terminal, project):
    added = terminal.run("webhook", "add", HERE, "-p", project.id, "--header", "X-A=b")
    assert re.search(r"whsec_\S{44}", added.stdout)

    [shown] = terminal.ask("webhook", "list")
    assert (shown["url"], shown["headers"]) == (HERE, {"X-A": "********"})
    terminal.run("webhook", "update", 1, "--action", "RUN_FAILED")
    assert "RUN_FAILED" in terminal.run("webhook", "list").stdout
    terminal.run("webhook", "test", 1)
    [told] = terminal.ask("webhook", "deliveries", 1)
    assert (told["action"], told["state"]) == ("WEBHOOK_TEST", "waiting")
    assert terminal.run("webhook", "secret", 1).stdout.startswith("whsec_")
    terminal.run("webhook", "remove", 1)
    assert terminal.ask("webhook", "list") == []


def test_a_webhook_to_nowhere_is_refused(terminal, project):
    said = terminal.refuse("webhook", "add", "ftp://x", "-p", project.id)

    assert "url" in said


def test_a_storage_is_opened_to_notifications_and_closed_again(terminal, connect):
    storage = connect_memory(connect)

    opened = terminal.ask("storage", "events", storage, "--on")
    assert opened["url"].endswith(f"/api/events/{storage}?token={opened['token']}")
    shown = terminal.run("storage", "events", storage).stdout
    assert "takes notifications; last one: never" in shown
    assert opened["token"] not in shown
    closed = terminal.run("storage", "events", storage, "--off").stdout
    assert "takes no notifications" in closed
    assert "not both" in terminal.refuse("storage", "events", storage, "--on", "--off")


@pytest.fixture(autouse=True)
def _objects(put_object):
    put_object("a.jpg")


def connect_memory(connect):
    return connect().id


def test_a_schedule_is_given_as_an_option(terminal, project, folder):
    (folder / "a.png").write_bytes(b"x")
    words = ("storage", "add", "local", "-p", project.id, "--blob", "--path", folder)

    added = terminal.ask(*words, "--schedule", "every 2 hours")

    assert added["fields"]["schedule"] == "every 2 hours"
    assert added["next_run_at"] is not None
    changed = terminal.ask("storage", "update", added["id"], "--schedule", "")
    assert (changed["fields"]["schedule"], changed["next_run_at"]) == (None, None)
    assert "schedule: " in terminal.refuse(*words, "--schedule", "soon")
