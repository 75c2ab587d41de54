"""A worker: Dramatiq's threads, and a poll that finds work whose message was lost."""

from __future__ import annotations

import threading
import time
from typing import Final

import dramatiq
import structlog
from dramatiq.worker import Worker as DramatiqWorker

from labeldock.jobs.actors import Actors, declare_actors
from labeldock.jobs.bell import BrokerBell
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox

_RING_AGAIN: Final = 5
"""Polls after which a due run is rung for again, in case its message was lost."""
_log = structlog.get_logger(__name__)


class Worker:
    """Works on runs and deliveries in threads of this process, until stopped."""

    def __init__(self, app: AppContext, broker: dramatiq.Broker) -> None:
        """Declare the actors on the broker; nothing is started yet."""
        self._app = app
        self._bell = BrokerBell(broker)
        self._ending = threading.Event()
        self.actors: Actors = declare_actors(broker, app, self._ending)
        self._worker = DramatiqWorker(
            broker,
            worker_threads=app.settings.worker_threads,
            worker_timeout=100,
        )
        self._rung: dict[tuple[str, int], int] = {}
        self._poll = threading.Thread(target=self._keep_polling, name="poll")
        self._poll.daemon = True

    def start(self) -> None:
        """Begin to take work."""
        self._worker.start()
        self._poll.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Take no more work, and wait for the slices under way; seconds.

        A run is handed back after the page that is being worked on. What is not done by
        then is taken up by others once its lease has run out.
        """
        deadline = time.monotonic() + timeout
        self._ending.set()
        if self._poll.is_alive():
            self._poll.join(timeout)
        left = max(0.0, deadline - time.monotonic())
        self._worker.stop(timeout=int(left / 2 * 1000))  # for threads, then consumers

    def _keep_polling(self) -> None:
        while not self._ending.wait(self._app.settings.poll_interval):
            try:
                self.poll()
            except Exception:  # noqa: BLE001  a poll that ends is missed by nobody
                _log.warning("poll_failed", exc_info=True)

    def poll(self) -> None:
        """Take back lost runs, and ring for whatever is due and not rung for yet."""
        leases.reap_lost_runs(self._app)
        due = {(kind, run_id) for run_id, kind in leases.list_due_runs(self._app)}
        due |= {("delivery", s) for s in outbox.list_pending_storages(self._app)}
        self._rung = {item: age for item, age in self._rung.items() if item in due}
        for item in due:
            age = self._rung.get(item, 0)
            if age % _RING_AGAIN == 0:
                self._ring(*item)
            self._rung[item] = age + 1

    def _ring(self, kind: str, number: int) -> None:
        if kind == "delivery":
            self._bell.ring_delivery(number)
        else:
            self._bell.ring_run(number, kind)
