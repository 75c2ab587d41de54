"""Worker processes that can be killed and stopped, started within milliseconds.

They are forked from a process that has imported everything already. A signal strikes
them as it would any other process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.working import work

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.chaos.working"])


class WorkerProcess:
    """One worker; `log` is what it wrote."""

    def __init__(self, values: dict[str, Any], log: Path) -> None:
        self.log = log
        self._process = _CONTEXT.Process(target=work, args=(values, log), daemon=True)
        self._process.start()
        self.pid: int = self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or is stopped."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Stop it where it stands, as a paused machine would; waits until it does."""
        os.kill(self.pid, signal.SIGSTOP)
        while not all(state == "T" for state in self._list_states()):
            time.sleep(0.001)

    def go_on(self) -> None:
        """Let it go on where it stood."""
        os.kill(self.pid, signal.SIGCONT)

    def owns(self, lease_owner: str) -> bool:
        """Whether the owner of a lease is one of its threads."""
        return f":{self.pid}:" in lease_owner

    def _list_states(self) -> list[str]:
        """What its threads are doing; it takes a moment until all have stopped."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return [thread.read_text().rpartition(")")[2].split()[0] for thread in threads]

    def read_log(self) -> str:
        """All that workers of this log wrote."""
        return self.log.read_text() if self.log.exists() else ""


class Crew:
    """The workers of one installation, one after the other or several at once."""

    def __init__(self, values: dict[str, Any], log: Path) -> None:
        self._values = values
        self._log = log
        self._workers: list[WorkerProcess] = []

    def hire(self, **overrides: Any) -> WorkerProcess:
        """Start another worker."""
        worker = WorkerProcess({**self._values, **overrides}, self._log)
        self._workers.append(worker)
        return worker

    def dismiss(self) -> None:
        """Kill whoever is left."""
        for worker in self._workers:
            worker.kill()


@contextmanager
def hired_crew(values: dict[str, Any], log: Path) -> Iterator[Crew]:
    """A crew that is gone afterwards."""
    crew = Crew(values, log)
    try:
        yield crew
    finally:
        crew.dismiss()
