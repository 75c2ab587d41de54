"""The hosted mode as `compose.yaml` starts it, without containers: its processes.

The same commands with the same settings, and what `restart: unless-stopped` does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

import yaml

from tests.servers.families import kill_family, list_family, read_command
from tests.servers.process import free_port

COMPOSE = Path(__file__).parents[2] / "compose.yaml"
WEB, WORKERS = "web", ("worker-1", "worker-2")
WEB_PROCESSES = 2
PATIENCE = 240.0
"""Seconds that anything may take while the machine does other things too."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}")
_FORKED = "--multiprocessing-fork"  # of the processes that a web service starts
_END_SECONDS = 20
_TAIL = 3000


class House:
    """Web and workers of one installation; PostgreSQL and Redis are elsewhere.

    Attributes:
        url: of the web service.
        kills: how often each process was killed, by its name.
        revivals: how often one that had ended by itself was started again.
    """

    def __init__(
        self,
        home: Path,
        places: Mapping[str, str],
        values: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> None:
        """Read the compose file.

        Args:
            home: the folder that the containers would share.
            places: part of a setting's value -> the address here.
            values: the variables that the compose file asks for.
            settings: further ones of Labeldock's.
        """
        self._services: dict[str, Any] = read_compose()["services"]
        self._home, self._places = home, places
        self._values, self._settings = values, settings
        self._ports = {"8080": str(free_port()), "9400": "0"}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"http://127.0.0.1:{self._ports['8080']}"
        self.kills = Counter[str]()
        self.revivals = Counter[str]()

    def migrate(self) -> None:
        """Do what the service of this name does before the others start."""
        subprocess.run(
            self._build_command("migrate"),
            env=self._build_environment("migrate"),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )

    def start(self, *names: str) -> None:
        """Start web or workers; each writes into a log of its own."""
        for name in names:
            service = name.partition("-")[0]
            with self._log_of(name).open("ab") as log:
                self._running[name] = subprocess.Popen(
                    self._build_command(service),
                    env=self._build_environment(service),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str) -> None:
        """Kill -9 it with all that it has started."""
        process = self._running.pop(name)
        kill_family(process.pid)
        process.wait(PATIENCE)
        self.kills[name] += 1

    def kill_web_process(self, pid: int) -> None:
        """Kill -9 one of the processes that answer; the service starts another."""
        os.kill(pid, signal.SIGKILL)
        self.kills[f"{WEB} process"] += 1

    def list_web_processes(self) -> list[int]:
        """The processes that answer requests, the oldest first."""
        family = list_family(self.pid_of(WEB))
        return sorted(pid for pid in family if _FORKED in read_command(pid))

    def pid_of(self, name: str) -> int:
        """The number of what was started under this name."""
        return self._running[name].pid

    def tend(self) -> None:
        """Start what has ended by itself, as a supervisor does.

        A process that comes up while its database is away does not stay.
        """
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                kill_family(process.pid)
                self.revivals[name] += 1
                self.start(name)

    def read_log(self, name: str) -> str:
        """What it wrote."""
        log = self._log_of(name)
        return log.read_text(errors="replace") if log.exists() else ""

    def read_logs(self) -> str:
        """The ends of all logs, for whoever asks why nothing happened."""
        names = (WEB, *WORKERS)
        return "\n".join(f"{n}: {self.read_log(n)[-_TAIL:]}" for n in names)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Look again and again, and tend the house meanwhile.

        Raises:
            TimeoutError: nothing came of it; with the ends of the logs.
        """
        deadline = time.monotonic() + PATIENCE
        while not _holds(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {what}:\n{self.read_logs()}")
            self.tend()
            time.sleep(0.05)

    def close(self) -> None:
        """End them in good order."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            kill_family(process.pid)
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _build_environment(self, service: str) -> dict[str, str]:
        told = self._services[service]["environment"]
        found = {name: self._fill_in(str(value)) for name, value in told.items()}
        for part, place in self._places.items():
            found = {k: place if part in v else v for k, v in found.items()}
        home = {"LABELDOCK_HOME": str(self._home)}
        return {**os.environ, **found, **self._settings, **home}

    def _fill_in(self, text: str) -> str:
        """What compose makes of a value with variables in it."""
        return _VARIABLE.sub(lambda m: self._values.get(m[1], m[2] or ""), text)

    def _build_command(self, service: str) -> list[str]:
        program, *words = (str(word) for word in self._services[service]["command"])
        assert program == "labeldock"
        words = [self._ports.get(word, word) for word in words]
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]
        return [sys.executable, "-m", "labeldock", *words]

    def _log_of(self, name: str) -> Path:
        return self._home / f"{name}.log"


def read_compose() -> dict[str, Any]:
    """The compose file."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OSError, HTTPException, ValueError):  # the service is away, or comes
        return False
