"""Processes that can be killed and stopped, started within milliseconds.

They are forked from a process that has imported everything already. A signal strikes
them as it would any other process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.working import serve, work, work_clumsily, work_greedily

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.chaos.working"])


class WorkerProcess:
    """A worker, or a web process; `log` is what it wrote."""

    def __init__(
        self, act: Callable[..., None], values: dict[str, Any], log: Path, *more: int
    ) -> None:
        self.log = log
        self._process = _CONTEXT.Process(
            target=act, args=(values, log, *more), daemon=True
        )
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

    def end(self) -> int | None:
        """Ask it to end, as a deployment does, and wait; its exit code."""
        self._process.terminate()
        self._process.join()
        return self._process.exitcode

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

    def read_memory(self) -> int:
        """Bytes that it has in memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

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
        return self._start(work, overrides)

    def hire_clumsy(self) -> WorkerProcess:
        """Start one that has a fault of ours in it."""
        return self._start(work_clumsily, {})

    def hire_greedy(self) -> WorkerProcess:
        """Start one that takes more and more memory while it works."""
        return self._start(work_greedily, {})

    def open(self, port: int, **overrides: Any) -> WorkerProcess:
        """Start a web process on this port."""
        return self._start(serve, overrides, port)

    def _start(
        self, act: Callable[..., None], overrides: dict[str, Any], *more: int
    ) -> WorkerProcess:
        values = {**self._values, **overrides}
        worker = WorkerProcess(act, values, self._log, *more)
        self._workers.append(worker)
        return worker

    @property
    def alive(self) -> list[WorkerProcess]:
        """Who is there now, the oldest first."""
        return [worker for worker in self._workers if worker.is_alive]

    def read_log(self) -> str:
        """All that the processes wrote."""
        return self._log.read_text() if self._log.exists() else ""

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
