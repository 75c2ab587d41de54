"""Limits of a team by API and by command, and what people are told who come to one."""

from __future__ import annotations

import re

import pytest

from labeldock.cli.teams import _read_change
from labeldock.contract.errors import InvalidInput
from tests.system.terminal import Terminal

PATH = "/api/organizations/1/limits"
NAMES = ["projects", "storages", "tasks", "members", "bytes", "runs"]


@pytest.fixture
def send(client, accounts):
    def send_(name, method, path, body=None):
        headers = accounts[name].headers
        answer = client.request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json()

    return send_


def test_a_limit_is_set_shown_beside_its_use_and_held(send):
    _, project = send("owner", "POST", "/api/projects", {"title": "Birds"})
    task = {"project": project["id"], "data": {"n": 1}}
    send("owner", "POST", "/api/tasks", task)

    status, changed = send("admin", "PATCH", PATH, {"tasks": 1})
    _, shown = send("owner", "GET", PATH)
    refused, problem = send("owner", "POST", "/api/tasks", task)

    assert (status, refused) == (200, 403)
    assert [limit["name"] for limit in shown] == NAMES
    tasks = {"name": "tasks", "limit": 1, "is_default": False, "used": 1}
    assert shown == changed
    assert shown[2] == tasks
    assert shown[1] == {
        "name": "storages",
        "limit": None,
        "is_default": True,
        "used": 0,
    }
    assert problem["code"] == "quota_exceeded"
    assert (problem["field"], "raise the limit" in problem["detail"]) == ("tasks", True)


def test_a_limit_is_taken_back(send):
    send("admin", "PATCH", PATH, {"tasks": 1, "projects": 5})

    _, shown = send("admin", "PATCH", PATH, {"tasks": None, "projects": 0})

    assert [limit["limit"] for limit in shown] == [None] * 6
    assert [limit["is_default"] for limit in shown] == [False, *[True] * 5]


@pytest.mark.parametrize("body", [{"tasks": -1}, {"tasks": "x"}, {"tasks": 2**80}])
def test_what_is_no_limit_is_refused(send, body):
    status, problem = send("admin", "PATCH", PATH, body)

    assert (status, list(problem["validation_errors"])) == (400, ["tasks"])


def test_members_see_limits_that_they_may_not_change(send):
    assert send("owner", "PATCH", PATH, {"tasks": 1})[0] == 403
    assert send("owner", "GET", "/api/organizations/99/limits")[0] == 404


def test_prometheus_is_told_of_limits_that_count(client, admin, send):
    send("admin", "PATCH", PATH, {"projects": 50})

    text = client.get("/metrics", headers=admin.headers).text

    assert 'labeldock_team_limit{limit="projects",team="1"} 50.0' in text
    assert 'labeldock_team_used{limit="projects",team="1"} 0.0' in text
    assert 'labeldock_team_limit{limit="tasks"' not in text


@pytest.mark.full
def test_commands_show_and_change_limits(tmp_path):
    terminal = Terminal(tmp_path / "a" / "home")
    terminal.home.parent.mkdir()
    new = ("user", "create", "--email", "a@example.org", "--password", "a long one")
    terminal.run(*new, "--admin")

    changed = terminal.ask("team", "limit", "1", "tasks=500", "bytes=none")
    shown = terminal.run("team", "limits", "1").stdout
    listed = terminal.ask("team", "list")

    assert (changed[2]["name"], changed[2]["limit"]) == ("tasks", 500)
    assert re.search(r"tasks +0 +500 +own", shown)
    assert re.search(r"bytes +0 +none +own", shown)
    assert re.search(r"runs +0 +none +default", shown)
    assert listed[0]["members"] == 1


@pytest.mark.parametrize(
    ("text", "value"), [("tasks=7", 7), ("tasks=none", 0), ("tasks=default", None)]
)
def test_a_limit_is_given_as_a_number_or_a_word(text, value):
    assert _read_change(text) == ("tasks", value)


@pytest.mark.parametrize("text", ["tasks", "tasks=", "tasks=many", "tasks=-1", "=1.5"])
def test_what_is_no_limit_at_a_terminal_is_refused(text):
    with pytest.raises(InvalidInput, match="is no limit"):
        _read_change(text)
