"""Faults of every kind, at random moments, against an installation at work."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis

from tests.chaos.callers import Caller
from tests.chaos.restarting import RestartableServer
from tests.chaos.scene import Scene, wait_until
from tests.chaos.tally import WORKER_KILLED, Tally
from tests.chaos.wire import Wire
from tests.chaos.workers import Crew, WorkerProcess

WORKERS = 2
TRIES = 30
"""How often a kind may find nobody at work before that is a failure."""

LONGEST = 0.3
"""Seconds between the moment that work is under way and a fault, at most."""


@dataclass
class Storm:
    """What is struck, and who watches.

    Attributes:
        scene: the installation.
        crew: its processes: the web process and, with a broker, workers.
        port: where the web process listens.
        wire: what leads to the bucket.
        caller: somebody who uses the service meanwhile.
        rng: where the moments and the order come from.
        tally: counts the faults.
    """

    scene: Scene
    crew: Crew
    port: int
    wire: Wire
    caller: Caller
    rng: random.Random
    tally: Tally
    _web: WorkerProcess | None = None
    _workers: int = 0

    def set_up(self, *, has_workers: bool) -> None:
        """Start the processes."""
        self._workers = WORKERS if has_workers else 0
        self.tend()

    def tend(self) -> None:
        """Start what has ended, as a supervisor does.

        A process that comes up while its database is away does not stay.
        """
        if self._web is None or not self._web.is_alive:
            self._web = self.crew.open(self.port)
        for _ in range(self._workers - len(self._list_workers())):
            self.crew.hire()

    def rage(
        self,
        kinds: Mapping[str, Callable[[], bool]],
        rounds: int,
        feed: Callable[[], None],
    ) -> None:
        """Strike with each kind so many times, in any order.

        Args:
            kinds: what each does; whether it struck somebody at work.
            rounds: how often each has to strike.
            feed: called before each, to make more work.
        """
        plan = [kind for kind in kinds for _ in range(rounds)]
        self.rng.shuffle(plan)
        for kind in plan:
            feed()
            assert any(self._strike(kind, kinds[kind]) for _ in range(TRIES)), kind

    def _strike(self, kind: str, act: Callable[[], bool]) -> bool:
        wait_until(self._is_work_under_way, self.crew.read_log)
        self._pause()
        did_strike = act()
        self.tally.note(did_strike=did_strike, kind=kind)
        return did_strike

    def _is_work_under_way(self) -> bool:
        self.tend()
        return bool(self._list_busy())

    def _list_busy(self) -> list[WorkerProcess]:
        """Processes that hold a run, or a part of one, and are alive."""
        owners = self.scene.list_owners()
        return [each for each in self.crew.alive if any(map(each.owns, owners))]

    def _pause(self) -> None:
        time.sleep(self.rng.uniform(0, LONGEST))

    # The kinds

    def kill_worker(self) -> bool:
        """SIGKILL, as by the kernel when memory is short, or by an operator."""
        busy = self._list_busy()
        if not busy:
            return False
        worker = self.rng.choice(busy)
        worker.kill()
        did_strike = any(map(worker.owns, self.scene.list_owners()))
        self.tend()
        return did_strike

    def redeploy_worker(self) -> bool:
        """SIGTERM: it hands back what it has, and another one comes."""
        busy = self._list_busy()
        if not busy:
            return False
        worker = self.rng.choice(busy)
        assert worker.end() == 0, worker.read_log()
        self.tend()
        # What it had held when the database went away is left to its lease.
        return not any(map(worker.owns, self.scene.list_owners()))

    def kill_web(self) -> bool:
        """SIGKILL of the process that answers requests."""
        assert self._web is not None
        broken = self.caller.outcomes["broken"]
        self._web.kill()
        wait_until(lambda: self.caller.outcomes["broken"] > broken, self.crew.read_log)
        self.tend()
        return True

    def flush_redis(self) -> bool:
        """Every message is lost."""
        with redis.Redis.from_url(self.scene.app.settings.broker_url) as client:
            client.flushall()
        return bool(self.scene.list_owners())

    def cut_wire(self) -> bool:
        """The bucket cannot be reached for a moment."""
        before, deadline = self.wire.struck, time.monotonic() + 1
        self.wire.cut()
        while self.wire.struck == before and time.monotonic() < deadline:
            time.sleep(0.01)
        self._pause()
        self.wire.mend()
        return self.wire.struck > before

    def restart(self, server: RestartableServer, *endings: signal.Signals) -> bool:
        """End a server with one of these signals, and start it again."""
        was_busy = bool(self.scene.list_owners())
        server.restart(self.rng.choice(endings))
        return was_busy

    def _list_workers(self) -> list[WorkerProcess]:
        return [worker for worker in self.crew.alive if worker is not self._web]


def build_hosted(
    storm: Storm, postgres: RestartableServer, own_redis: RestartableServer
) -> Mapping[str, Callable[[], bool]]:
    """The kinds of faults where workers, Redis and PostgreSQL are of their own."""
    crash, stop = signal.SIGQUIT, signal.SIGINT  # its "immediate" and "fast"
    return {
        WORKER_KILLED: storm.kill_worker,
        "worker redeployed": storm.redeploy_worker,
        "web killed": storm.kill_web,
        "Redis flushed": storm.flush_redis,
        "Redis restarted": lambda: storm.restart(own_redis, signal.SIGKILL),
        "PostgreSQL restarted": lambda: storm.restart(postgres, crash, stop),
        "network cut": storm.cut_wire,
    }


def build_embedded(storm: Storm) -> Mapping[str, Callable[[], bool]]:
    """The kinds of faults where one process does everything."""
    return {
        "web and worker killed": storm.kill_worker,
        "web and worker redeployed": storm.redeploy_worker,
        "network cut": storm.cut_wire,
    }
