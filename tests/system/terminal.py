"""The command line as a person uses it: a process of its own for every command."""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.servers.forks import forked_commands

COMMAND = [sys.executable, "-m", "labeldock"]
LIMIT = 60.0


@cache
def find_program():
    """The command line, loaded once for all tests of this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return str(stack.enter_context(forked_commands()) / "labeldock")


class Terminal:
    """Runs commands in a home folder, with the local folders that are allowed."""

    def __init__(self, home: Path, folder: Path | None = None):
        self.home = home
        self.environment = {
            **os.environ,
            # Compiled once for the commands of all tests, and not into the checkout.
            "PYTHONPYCACHEPREFIX": str(home.parents[1] / "pycache"),
            "PYTHONDONTWRITEBYTECODE": "",
            "LABELDOCK_HOME": str(home),
            "LABELDOCK_PROVIDERS_ALLOW": "local",
            "COLUMNS": "100",
            "LABELDOCK_STORAGE_IN_PROGRESS_TIMER": "1",
        }
        if folder is not None:
            self.environment["LABELDOCK_LOCAL_ROOTS"] = str(folder)

    def run(self, *arguments, stdin="", code=0, **environment):
        """Run a command to its end; it has to end with this exit code."""
        done = subprocess.run(
            [find_program(), *map(str, arguments)],
            cwd=self.home.parent,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def ask(self, *arguments, **options):
        """The JSON that a command prints."""
        return json.loads(self.run(*arguments, "--json", **options).stdout)

    def refuse(self, *arguments, code=2, **options):
        """What a command that has to fail says on standard error."""
        done = self.run(*arguments, code=code, **options)
        assert done.stdout == ""
        return done.stderr

    @contextmanager
    def start(self, *arguments, **environment):
        """A command that goes on while the block lasts."""
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.home.parent,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def query(self, statement):
        """Rows of the database, read beside whoever else uses it."""
        path = self.home / "labeldock.sqlite3"
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return connection.execute(statement).fetchall()


def wait_until(condition, what):
    """Ask until the answer is true; gives it."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"in vain: {what}")


def read_address(stream):
    """The URL that a service prints once it listens."""
    lines = []
    for line in stream:
        if found := re.search(r"http://\S+/", line):
            return found[0]
        lines.append(line)
    raise AssertionError("".join(lines))


def fetch(url, token=None):
    """The body of a GET request, retried while the service starts."""
    request = Request(url)
    if token:
        request.add_header("Authorization", f"Token {token}")

    def get():
        try:
            with urlopen(request, timeout=10) as response:
                return response.read()
        except HTTPError:
            raise
        except (URLError, ConnectionError):
            return None

    return wait_until(get, url)


def stop(process, ending=signal.SIGTERM):
    """Ask a process to end; gives its exit code, and how long it took."""
    began = time.monotonic()
    process.send_signal(ending)
    return process.wait(LIMIT), time.monotonic() - began
