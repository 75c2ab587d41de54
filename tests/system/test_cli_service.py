"""`serve` and `worker`: they start, do the work, and stop when they are asked to."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from ctypes import CDLL
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers.process import free_port
from tests.system.terminal import Terminal, fetch, read_address, stop, wait_until

LISTENING, ACCEPTED = "0A", "01"  # as the kernel writes the states of sockets
QUICK = 9.0  # seconds; what hangs is waited for ten


@pytest.fixture
def terminal(home, folder):
    return Terminal(home, folder)


@pytest.fixture
def queued(terminal, project, folder):
    """A run that waits for a worker."""
    (folder / "a.png").touch()
    words = ["--project", project.id, "--blob", "--path", folder]
    terminal.run("storage", "add", "local", *words)
    terminal.run("storage", "sync", "1", "--no-wait")


def ended(terminal):
    return terminal.query("SELECT 1 FROM run WHERE state = 'completed'")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_service_answers_and_stops_quickly(terminal, ending):
    with terminal.start("serve", "--port", "0") as process:
        answer = json.loads(fetch(read_address(process.stderr) + "health"))
        code, seconds = stop(process, ending)

    assert answer == {"status": "UP"}
    assert code == 0
    assert seconds < QUICK


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_a_service_that_is_still_starting_ends_when_it_is_told(terminal, workers):
    with terminal.start("serve", "--port", "0", *workers) as process:
        read_address(process.stderr)
        code, seconds = stop(process)

    assert code in {0, -signal.SIGTERM}  # or before it can be caught
    assert seconds < 2 * QUICK


def test_the_service_does_the_work_and_shows_it_to_a_token(terminal, owner, queued):
    token = terminal.run("token", "create", "--email", "admin@example.org").stdout

    with terminal.start("serve", "--port", "0") as process:
        address = read_address(process.stderr)
        wait_until(lambda: ended(terminal), "the run")
        body = fetch(f"{address}api/tasks/?project=1&resolve_uri=false", token.strip())

    assert [task["storage_filename"] for task in json.loads(body)["tasks"]] == ["a.png"]


def test_several_processes_serve_one_port(terminal):
    with terminal.start("serve", "--port", "0", "--workers", "2") as process:
        answer = json.loads(fetch(read_address(process.stderr) + "health"))
        code, seconds = stop(process)

    assert answer == {"status": "UP"}
    assert code == 0
    assert seconds < 2 * QUICK


def find_owners(port, state):
    """The process of each socket of a port in this state, by the kernel's tables."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    end = f":{port:04X}"
    inodes = {f[9] for f in fields if f[1].endswith(end) and f[3] == state} - {"0"}
    owners = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it is closed by now
            inode = str(link.readlink()).removeprefix("socket:[").rstrip("]")
            if inode in inodes:
                owners[inode] = link.parts[2]
    return owners


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals them out")
def test_connections_are_dealt_out_to_the_processes(terminal):
    with terminal.start("serve", "--port", "0", "--workers", "2") as process:
        address = urlsplit(read_address(process.stderr))
        fetch(address.geturl() + "health")
        wait_until(
            lambda: len(find_owners(address.port, LISTENING)) == 2, "both processes"
        )
        with ExitStack() as opened:
            for _ in range(64):
                place = address.hostname, address.port
                opened.enter_context(socket.create_connection(place))
            wait_until(lambda: len(find_owners(address.port, ACCEPTED)) == 64, "them")
            owners = Counter(find_owners(address.port, ACCEPTED).values())
        stop(process)

    assert len(owners) == 2
    assert min(owners.values()) > 8  # by chance in one of ten thousand million runs


def test_a_service_without_users_shows_the_first_one_in(tmp_path):
    terminal = Terminal(tmp_path / "home")

    with terminal.start("serve", "--port", "0") as process:
        fetch(read_address(process.stderr) + "health")
        stop(process)
        said = process.communicate()[1]

    assert "Become the administrator here" in said
    assert "/user/link/" in said


def test_a_port_that_is_taken_is_told(terminal):
    with terminal.start("serve", "--port", port := free_port()) as process:
        read_address(process.stderr)

        said = terminal.refuse("serve", "--port", port)

    assert f"port {port}" in said
    assert "--port" in said


@pytest.mark.parametrize("broker", ["in memory", "redis"])
def test_a_worker_does_what_is_queued_and_stops_quickly(
    request, terminal, queued, broker
):
    if broker == "redis":
        url = request.getfixturevalue("redis_url")
        terminal.environment["LABELDOCK_BROKER_URL"] = url

    with terminal.start("worker") as process:
        wait_until(lambda: ended(terminal), "the run")
        code, seconds = stop(process)

    assert code == 0
    assert seconds < QUICK


def test_a_worker_ends_whichever_of_its_threads_a_signal_reaches(terminal, queued):
    with terminal.start("worker") as process:
        wait_until(lambda: ended(terminal), "the run")
        threads = {
            int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir()
        }
        other = max(threads - {process.pid})
        assert CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0

        assert process.wait(QUICK) == 0


def test_a_service_that_is_stopped_hands_its_run_back(terminal, queued, folder):
    for number in range(500):
        (folder / f"{number}.png").touch()

    with terminal.start("serve", "--port", "0", LABELDOCK_PAGE_SIZE="1") as process:
        read_address(process.stderr)
        wait_until(lambda: terminal.query("SELECT 1 FROM task"), "the first tasks")
        _, seconds = stop(process)

    assert seconds < QUICK
    assert terminal.query("SELECT lease_owner FROM run") == [("",)]
    assert not ended(terminal)


def test_a_terminal_watches_a_run_that_the_service_does(terminal, queued):
    with terminal.start("worker"):
        wait_until(lambda: ended(terminal), "the run")

        run = terminal.ask("storage", "sync", "1")

    assert run["state"] == "completed"
