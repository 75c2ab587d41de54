"""Each dependency stopped and started under the load, and whether anything is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bench.stress.ground import POSTGRES, Ground
from bench.stress.ledger import Ledger
from bench.stress.offering import BROKEN, REFUSED, Row
from bench.stress.outcomes import WORDS, Stretch, offer, offered
from bench.stress.rest import come_to_rest, is_kept_up
from bench.stress.sheet import Cell, Sheet
from tests.chaos.restarting import RestartableServer
from tests.servers.hosted import WEB, WORKERS

TIMER = 1.0
"""Seconds between heartbeats; the work of a worker that was killed waits for six."""

_LEAD = 3.0
_WARM_SECONDS = 3.0
_OLDEST = 3.0  # seconds that work may be due for where nothing is amiss
_NEW_OBJECTS = 5


@dataclass(frozen=True)
class Storm:
    """How hard it is.

    Attributes:
        rate: requests in a second.
        away: seconds between the end of a dependency and its next start.
        rest: how long it is watched after that; also the bound of the recovery.
        only: names of dependencies; all if there are none.
    """

    rate: float = 30.0
    away: float = 5.0
    rest: float = 15.0
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A dependency that goes away.

    Attributes:
        stop: ends it.
        start: brings it back; what does so by itself has nothing to do here.
        breaks: whether connections of clients may break or be refused.
        worker: its name, if it is one: it is stopped when it holds a run.
    """

    stop: Callable[[], object]
    start: Callable[[], object]
    breaks: bool = False
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Blow:
    """What was seen while one dependency was away.

    Attributes:
        name: of the dependency.
        fault: what was done to it.
        stretch: what became of the requests meanwhile.
        started: when it was started again, in seconds since 1970.
        caught_up: seconds from then until no work was old any more.
        held: runs that were in somebody's hands when it was stopped; of a worker, its
            own.
        revived: how often processes had ended by themselves, and were started again.
    """

    name: str
    fault: Fault
    stretch: Stretch
    started: float
    caught_up: float
    held: int = 0
    revived: int = 0

    @property
    def recovered(self) -> float:
        """Seconds from its start until the last request that went wrong was due."""
        last = self.stretch.find_last_bad()
        return max(0.0, last - self.started) if last is not None else 0.0


def build_faults(ground: Ground, objects: RestartableServer) -> Mapping[str, Fault]:
    """What can be stopped, by name."""
    house = ground.house

    def revive(name: str) -> Callable[[], None]:
        return partial(house.start, name)

    faults = {
        POSTGRES: Fault(ground.postgres.kill, ground.postgres.start),
        "Redis": Fault(ground.redis.kill, ground.redis.start),
        "S3 server": Fault(objects.kill, objects.start),
        # Started again by the service itself.
        "web process": Fault(
            lambda: house.kill_web_process(house.list_web_processes()[0]),
            lambda: None,
            breaks=True,
        ),
        "web service": Fault(lambda: house.kill(WEB), revive(WEB), breaks=True),
    }
    for name in WORKERS:
        faults[name] = Fault(partial(house.kill, name), revive(name), worker=name)
    return faults


def run_failures(
    ground: Ground, objects: RestartableServer, storm: Storm, sheet: Sheet
) -> None:
    """Strike each in turn, report what clients saw, and look for what is lost."""
    ledger = Ledger(ground, objects.url)
    ledger.take(offer(ground.make_plan(storm.rate, _WARM_SECONDS)))
    faults, blows = build_faults(ground, objects), []
    for name in storm.only or faults:
        ledger.add_objects(_NEW_OBJECTS)
        blow = _strike(ledger, name, faults[name], storm)
        sheet.say(f"{name}: well again after {blow.recovered:.1f} s")
        ledger.take(blow.stretch)
        blows.append(blow)
    sheet.show("failures: what clients saw", [_describe(blow) for blow in blows])
    for blow in blows:
        judge_blow(blow, storm, sheet)
    ledger.sync()
    seconds, left = come_to_rest(ground)
    found = ", ".join(f"{n} {name}" for name, n in left.items() if n) or "nothing"
    is_empty = not any(left.values())
    sheet.judge(f"left {seconds:.0f} s after it", found, "nothing", is_met=is_empty)
    ledger.judge(sheet)


def _strike(ledger: Ledger, name: str, fault: Fault, storm: Storm) -> Blow:
    ground, house = ledger.ground, ledger.ground.house
    revived = house.revivals.total()
    seconds = 2 * _LEAD + storm.away + storm.rest
    with offered(ground.make_plan(storm.rate, seconds)) as collect:
        time.sleep(_LEAD)
        held = _wait_for_work(ledger, fault.worker)
        fault.stop()
        _wait(ground, storm.away)
        started = time.time()
        fault.start()
        caught_up = _catch_up(ground, started, storm.rest)
        stretch = collect()
    house.wait_until(ground.is_ready, f"the service, after {name}")
    revived = house.revivals.total() - revived
    return Blow(name, fault, stretch, started, caught_up, held, revived)


def _wait_for_work(ledger: Ledger, worker: str) -> int:
    """Ask for work, and wait until somebody has it, a certain worker or any."""
    house, mark = ledger.ground.house, ":"
    if worker:
        mark = f":{house.pid_of(worker)}:"
    until = time.monotonic() + _LEAD
    while time.monotonic() < until:
        ledger.sync()
        owners = ledger.ground.read("SELECT lease_owner FROM run")
        held = sum(mark in row.lease_owner for row in owners)
        if held:
            return held
        time.sleep(0.02)
    return 0


def _wait(ground: Ground, seconds: float) -> None:
    """While something is away, processes that end by themselves are started again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ground.house.tend()
        time.sleep(0.1)


def _catch_up(ground: Ground, started: float, patience: float) -> float:
    """Seconds after which no work has been due for long."""
    while time.time() < started + 4 * patience:
        ground.house.tend()
        if is_kept_up(ground, _OLDEST):
            break
        time.sleep(0.1)
    return time.time() - started


def _is_strange(blow: Blow, row: Row) -> bool:
    """Whether a client was told something that it cannot make sense of."""
    if blow.stretch.is_good(row):
        return False
    if row.status in {BROKEN, REFUSED}:
        return not blow.fault.breaks
    return row.status < 400 or row.status == 500 or not row.is_told


def _describe(blow: Blow) -> dict[str, Cell]:
    statuses = blow.stretch.count_statuses()
    return {
        "stopped": blow.name,
        "runs held": blow.held,
        "requests": len(blow.stretch.rows),
        "answers": ", ".join(f"{what}: {n}" for what, n in sorted(statuses.items())),
        "p99 ms": 1000 * blow.stretch.find_percentile(0.99),
        "well again s": blow.recovered,
        "work caught up s": blow.caught_up,
        "restarts": blow.revived,
    }


def judge_blow(blow: Blow, storm: Storm, sheet: Sheet) -> None:
    """Clients were told what they can make sense of, and soon all was well."""
    strange = {_name(blow, row) for row in blow.stretch.rows if _is_strange(blow, row)}
    sheet.judge(
        f"{blow.name}: answers without sense",
        ", ".join(sorted(strange)) or "none",
        "none (500, no code, 503 without Retry-After, broken)",
        is_met=not strange,
    )
    if blow.fault.worker:
        sheet.judge(
            f"{blow.name}: runs that it held when it was killed",
            str(blow.held),
            "some",
            is_met=blow.held > 0,
        )
    longest = max(blow.recovered, blow.caught_up)
    sheet.judge(
        f"{blow.name}: well again and caught up after its start",
        f"{longest:.1f} s",
        f"< {storm.rest:.0f} s",
        is_met=longest < storm.rest - 1.0,
        is_timed=True,
    )


def _name(blow: Blow, row: Row) -> str:
    operation = blow.stretch.plan.operations[row.operation].name
    return f"{operation}: {WORDS.get(row.status, row.status)}"
