"""Kill the worker of a run at random moments, until enough of the kills struck."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from labeldock.contract.values import Purpose
from tests.chaos.scene import Scene, wait_until
from tests.chaos.tally import Tally
from tests.chaos.workers import Crew, WorkerProcess

LONGEST = 0.05
"""Seconds after which a worker that has begun is killed at the latest."""


@dataclass(frozen=True, slots=True)
class Killing:
    """Who is killed, when, how often it struck, and how often it has to."""

    scene: Scene
    crew: Crew
    rng: random.Random
    tally: Tally = field(default_factory=Tally)
    kills: int = 0

    def strike_run(self, run_id: int) -> None:
        """Let a worker take the run, and kill it after some pages and some moments.

        There is always a chance of a page, however long that takes: else a slow
        machine would never get beyond the first.
        """
        worker = self.crew.hire()
        pages, seen = self.rng.randrange(3), set[str]()

        def is_far_enough() -> bool:
            if self._is_at_work(worker):
                seen.add(self.scene.read_progress(run_id))
            return len(seen) > pages or self.scene.has_ended(run_id)

        wait_until(is_far_enough, worker.read_log)
        self.pause()
        worker.kill()
        run = self.scene.read_run(run_id)
        is_under_way = run.checkpoint != "{}"  # else nothing was there to be lost
        self.tally.note(did_strike=is_under_way and self._is_at_work(worker))

    def _is_at_work(self, worker: WorkerProcess) -> bool:
        return any(map(worker.owns, self.scene.list_owners()))

    def pause(self) -> None:
        """Wait for a random moment."""
        time.sleep(self.rng.uniform(0, LONGEST))

    def sync_to_the_end(
        self,
        storage_id: int,
        renew: Callable[[], None],
        look: Callable[[], None] = lambda: None,
    ) -> int:
        """Sync, killing every worker until enough were struck, then let one finish.

        Args:
            storage_id: the import storage.
            renew: called to make more work when a run has ended too early.
            look: called after every kill, to look at what is there.

        Returns:
            The number of the last run.
        """
        run_id = self.scene.sync(storage_id, Purpose.IMPORT)
        while self.tally.struck < self.kills:
            if self.scene.has_ended(run_id):
                renew()
                run_id = self.scene.sync(storage_id, Purpose.IMPORT)
            self.strike_run(run_id)
            look()
        survivor = self.crew.hire()
        wait_until(lambda: self.scene.has_ended(run_id), survivor.read_log)
        return run_id

    def stop_within_run(self, run_id: int) -> WorkerProcess:
        """Let a worker take the run, and stop it in the middle, holding no lock.

        One that is stopped amid a transaction would keep everybody waiting, as it
        would anywhere: it goes on until it is found outside of one.
        """
        worker = self.crew.hire()
        wait_until(
            lambda: worker.owns(self.scene.read_run(run_id).lease_owner),
            worker.read_log,
        )
        while not self._stop_between_transactions(worker, run_id):
            worker.go_on()
        return worker

    def _stop_between_transactions(self, worker: WorkerProcess, run_id: int) -> bool:
        self.pause()
        worker.stop()
        time.sleep(0.05)  # for what it had sent to the server already
        assert not self.scene.has_ended(run_id), "it has done everything before"
        is_held = worker.owns(self.scene.read_run(run_id).lease_owner)
        return is_held and not self.scene.is_locked()

    def strike_delivery(self, storage_id: int) -> None:
        """Let a worker take parcels of a storage, and kill it some moments later."""
        worker = self.crew.hire()
        wait_until(lambda: self._is_held(storage_id), worker.read_log)
        self.pause()
        worker.kill()
        self.tally.note(did_strike=self._is_held(storage_id))

    def _is_held(self, storage_id: int) -> bool:
        """Whether there are parcels that somebody has taken and not delivered yet."""
        query = (
            "SELECT 1 FROM outbox WHERE storage_id = :id AND delivered_version "
            "< wanted_version AND lease_expires_at IS NOT NULL LIMIT 1"
        )
        return bool(self.scene.read(query, id=storage_id))
