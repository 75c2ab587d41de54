"""`labeldock user` for accounts that are there, and the link of the first start."""

from __future__ import annotations

import re
import signal

import httpx2
import pytest

from labeldock.cli.reference import render_reference
from tests.system.terminal import Terminal, fetch, read_address, stop

PASSWORD = "a long password"
EMAIL, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path / "home")


def test_the_first_start_prints_a_link_and_never_a_password(terminal):
    with terminal.start("serve", "--port", "0") as process:
        address = read_address(process.stderr)
        process.stderr.readline()
        link = process.stderr.readline().strip()
        page = fetch(link).decode()
        form = {"email": EMAIL, "password": PASSWORD}
        origin = {"Origin": address.rstrip("/")}
        answer = httpx2.post(link, data=form, headers=origin)
        stop(process, signal.SIGINT)
    listed = terminal.ask("user", "list")
    with terminal.start("serve", "--port", "0") as process:
        fetch(read_address(process.stderr) + "health")
        stop(process, signal.SIGINT)
        later = process.stderr.read()

    assert re.fullmatch(re.escape(address) + r"user/link/[\w-]{43}", link)
    assert "You are the first administrator" in page
    assert (answer.status_code, "labeldock_session" in answer.cookies) == (303, True)
    assert [(u["email"], u["is_admin"], u["has_password"]) for u in listed] == [
        (EMAIL, True, True)
    ]
    assert "Nobody can log in" not in later


def test_accounts_are_let_in_kept_out_and_deleted(terminal):
    terminal.run("user", "create", "--admin", "--email", EMAIL, stdin=PASSWORD)
    terminal.run("user", "create", "--email", BOB, stdin=PASSWORD)
    link = terminal.run("user", "link", "--email", BOB).stdout
    out = terminal.run("user", "deactivate", "--email", BOB).stdout
    refused = terminal.refuse("user", "link", "--email", BOB)
    table = terminal.run("user", "list").stdout
    terminal.run("user", "activate", "--email", BOB)
    terminal.run("user", "delete", "--email", BOB, "--yes")
    last = terminal.refuse("user", "delete", "--email", EMAIL, "--yes", code=1)
    unknown = terminal.refuse("user", "deactivate", "--email", BOB)

    assert link.startswith("http://127.0.0.1:8080/user/link/")
    assert "cannot come in" in out
    assert "not active" in refused
    assert re.search(r"bob@example\.org +no +no +yes", table)
    assert "last administrator" in last
    assert f"There is no user {BOB}" in unknown


def test_every_command_is_in_the_reference():
    page = render_reference()

    for name in ("list", "link", "deactivate", "activate", "delete"):
        assert f"### `labeldock user {name}`\n" in page
