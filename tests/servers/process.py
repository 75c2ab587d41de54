"""A server of the tests: its own process, its own folder, stopped by its own id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

ATTEMPTS = 3
START_LIMIT = 30.0

# Ends the server and removes its folder when the tests were killed: their end of the
# pipe closes, whatever the signal.
LIFELINE = 'cat >/dev/null; kill -s "$1" "$2" 2>/dev/null; sleep 1; rm -rf -- "$3"'

ResultT = TypeVar("ResultT")


class ServerMissing(Exception):
    """A server is not installed on this machine."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed; to have it: sudo apt-get install {package}"
        )


class ServerFailed(Exception):
    """A server did not start."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def temporary_folder(name: str, user: str | None = None) -> Iterator[Path]:
    """A folder that `user` owns and can reach: TMPDIR may lie where only root may."""
    folder = Path(tempfile.mkdtemp(prefix=f"labeldock-{name}-", dir="/tmp"))
    if user:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def run_server(
    command: Sequence[str],
    folder: Path,
    *,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a child in `folder`, with its output in `folder`/log."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **as_user(user),
        )
    lifeline = subprocess.Popen(
        ["sh", "-c", LIFELINE, "lifeline", stop.name[3:], str(server.pid), folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        _end(server, lifeline, stop)


def as_user(user: str | None) -> dict[str, Any]:
    """The arguments of Popen that run a command as `user`, in none of our groups."""
    if user is None:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def _end(
    server: subprocess.Popen[bytes],
    lifeline: subprocess.Popen[bytes],
    stop: signal.Signals,
) -> None:
    lifeline.kill()
    lifeline.communicate()
    server.send_signal(stop)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_until_ready(
    server: subprocess.Popen[bytes],
    folder: Path,
    ask: Callable[[], ResultT | None],
    *,
    limit: float = START_LIMIT,
) -> ResultT:
    """Ask until there is an answer, `limit` seconds long.

    Raises:
        ServerFailed: the server ended, or did not answer in time; with its output.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and server.poll() is None:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.02)
    log = (folder / "log").read_text(errors="replace")
    raise ServerFailed(f"{os.fspath(server.args[0])} did not start:\n{log}")
