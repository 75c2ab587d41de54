"""A worker: Dramatiq's threads, and a poll that finds work whose message was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Final

import dramatiq
import structlog
from dramatiq.worker import Worker as DramatiqWorker

from labeldock.jobs.actors import DELIVERY, QUEUES, Actors, declare_actors
from labeldock.jobs.bell import BrokerBell
from labeldock.jobs.chores import Chores, name_process
from labeldock.jobs.courier import Courier
from labeldock.jobs.hands import Hands
from labeldock.services import leases, parts
from labeldock.services.backups.plans import request_due_backups
from labeldock.services.context import AppContext
from labeldock.services.events.requests import request_due_drains
from labeldock.services.exporting import outbox
from labeldock.services.scheduling import request_due_syncs

_RING_AGAIN: Final = 5
"""Polls after which a due run is rung for again, in case its message was lost."""
_log = structlog.get_logger(__name__)


class Worker:
    """Works on runs and deliveries in threads of this process, until stopped."""

    def __init__(
        self,
        app: AppContext,
        broker: dramatiq.Broker,
        queues: Collection[str] = QUEUES,
    ) -> None:
        """Declare the actors on the broker; nothing is started yet.

        It takes work from these queues alone. Webhooks, chores and lost runs are seen
        to by every worker.
        """
        self._app, self._queues = app, frozenset(queues)
        self._bell = BrokerBell(broker)
        self._ending = threading.Event()
        self._hands = Hands(app.settings.worker_threads, self._queues)
        self.actors: Actors = declare_actors(broker, app, self._ending, self._hands)
        self._worker = DramatiqWorker(
            broker,
            queues=set(self._queues),
            worker_threads=app.settings.worker_threads,
            worker_timeout=100,
        )
        self._courier = Courier(app, self._ending)
        self._rung: dict[tuple[str, int], int] = {}
        self._waiting: dict[int, int] = {}
        self._chores = Chores(app, name_process())
        self._poll = threading.Thread(target=self._keep_polling, name="poll")
        self._poll.daemon = True

    def start(self) -> None:
        """Begin to take work."""
        self._worker.start()
        self._courier.start()
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
        self._courier.stop(max(0.0, deadline - time.monotonic()))
        self._chores.end()

    def _keep_polling(self) -> None:
        while not self._ending.wait(self._app.settings.poll_interval):
            try:
                self.poll()
            except Exception:  # noqa: BLE001  a poll that ends is missed by nobody
                _log.warning("poll_failed", exc_info=True)

    def poll(self) -> None:
        """Take back lost runs, ring for what is due, ask for what time has come for.

        What was rung for already is rung for again only after a while, and for no more
        than there are threads here that have nothing to do: whoever has a slice to do
        looks for more by itself. What lies in queues of other workers is left to them:
        nobody may be there to take it.
        """
        leases.reap_lost_runs(self._app)
        parts.reap_lost_parts(self._app)
        due = {(kind, run_id) for run_id, kind in leases.list_due_runs(self._app)}
        self._ring_for_parts()
        due |= {(DELIVERY, s) for s in outbox.list_pending_storages(self._app)}
        due = {item for item in due if item[0] in self._queues}
        self._rung = {item: age for item, age in self._rung.items() if item in due}
        idle = self._hands.idle
        for item in due:
            age = self._rung.get(item, 0)
            if age % _RING_AGAIN == 0 and not idle:
                continue
            if age % _RING_AGAIN == 0:
                self._ring(*item)
                idle -= 1
            self._rung[item] = age + 1
        request_due_syncs(self._app)
        request_due_drains(self._app)
        request_due_backups(self._app)
        self._chores.do_due()

    def _ring_for_parts(self) -> None:
        """Ring for parts whose messages were lost, as many as are worked on here.

        Each was rung for when it was handed out: a run that has some waiting all the
        time is nothing unusual.
        """
        listed = parts.list_due_parts(self._app)
        due = {r: (kind, n) for r, kind, n in listed if kind in self._queues}
        self._waiting = {run_id: self._waiting.get(run_id, 0) + 1 for run_id in due}
        for run_id, age in self._waiting.items():
            if age % _RING_AGAIN == 0:
                kind, count = due[run_id]
                for _ in range(min(count, self._hands.idle)):
                    self._bell.ring_run(run_id, kind)

    def _ring(self, kind: str, number: int) -> None:
        if kind == DELIVERY:
            self._bell.ring_delivery(number)
        else:
            self._bell.ring_run(number, kind)
