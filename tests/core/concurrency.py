"""Threads and processes that start together, and waiting that ends."""

from __future__ import annotations

import multiprocessing
import threading
import time

# Other processes, made from one that has imported what all of them need.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["hypothesis", "labeldock.db.secrets", "labeldock.db.schema", "pytest"]
)


def run_at_once(*acts):
    """Call all at the same moment; what each returned or raised, in order."""
    barrier, outcomes = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place, act):
        barrier.wait(30)
        try:
            outcomes[place] = act()
        except Exception as error:  # noqa: BLE001  an outcome like another
            outcomes[place] = error

    threads = [
        threading.Thread(target=run, args=(place, act))
        for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return outcomes


class Background:
    """One act in a thread of its own."""

    def __init__(self, act):
        self.result = self.error = None
        self._act = act
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.result = self._act()
        except Exception as error:  # noqa: BLE001  shown by join
            self.error = error

    @property
    def is_running(self):
        return self._thread.is_alive()

    def join(self, timeout=30):
        self._thread.join(timeout)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


def wait_until(is_so, seconds=20.0, what="it"):
    """Wait for something that has to come to be; the truth of it."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what} did not come to be"
        time.sleep(0.005)
    return found
