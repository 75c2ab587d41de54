"""How long a small sync waits for another team's large ones, and what turns cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.installation import Installation, opened_installation
from bench.report import Figure, Report, at_least, at_most
from bench.servers import fresh_database, started_postgres
from bench.timing import alternate, measure, measure_work
from bench.trees import make_flat, temporary_folder
from labeldock.contract.values import Purpose
from labeldock.db.accounts import Organization, OrganizationMember
from labeldock.db.tables import Project
from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.jobs.worker import Worker
from labeldock.services import projects, runs, storages, turns
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done, work_slice
from labeldock.settings import Settings
from tests.servers.process import ServerMissing
from tests.servers.redis import flushed_database, run_redis

MOST_SECONDS = 10.0
LEAST_RATIO = 0.95
SMALL = 50
LARGE_SYNCS = 12
TIMES = 5
ROUNDS = 5
PATIENCE = 600.0
_numbers = count(1)


def run(report: Report, *, is_quick: bool) -> None:
    """Measure embedded, and with PostgreSQL and Redis where they are installed."""
    large = 50_000 if is_quick else 100_000
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        make_flat(folder / "large", large)
        make_flat(folder / "small", SMALL)
        place = Place(report, folder, large)
        place.measure("embedded", "", "")
        server = stack.enter_context(started_postgres(report.console))
        if server is None:
            return
        try:
            redis_url = stack.enter_context(run_redis())
        except ServerMissing as missing:
            report.console.print(f"  without Redis: {missing}", style="yellow")
            return
        url = stack.enter_context(fresh_database(server))
        broker = stack.enter_context(flushed_database(redis_url))
        place.measure("hosted", url, broker or redis_url)


@dataclass(frozen=True, slots=True)
class Team:
    """A team, and the project that it works in."""

    here: Installation
    project_id: int

    def request(self, folder: Path) -> int:
        """The number of a new run, which imports a folder into a new storage."""
        values = {"path": str(folder), "use_blob_urls": True, "recursive_scan": True}
        draft = StorageDraft(self.project_id, Purpose.IMPORT, "local", values)
        app, owner = self.here.app, self.here.owner
        storage_id = storages.add_storage(app, owner, draft).id
        view = storages.sync_storage(app, owner, storage_id, Purpose.IMPORT)
        assert view.run is not None
        return view.run.id

    def wait(self, run_id: int) -> None:
        """Look until the run has ended."""
        deadline = time.monotonic() + PATIENCE
        while runs.is_active(self.here.app, run_id):
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {run_id} did not end")
            time.sleep(0.01)

    def sync(self, folder: Path) -> float:
        """Seconds from the request to the end."""
        return measure(lambda: self.wait(self.request(folder)))


class Place:
    """The folders, and what is measured on them."""

    def __init__(self, report: Report, folder: Path, large: int) -> None:
        self._report, self._folder, self._large = report, folder, large

    def measure(self, name: str, database: str, broker: str) -> None:
        """Measure on one kind of installation."""
        home = self._folder / f"home-{name}"
        with opened_installation(
            home, roots=self._folder, database_url=database
        ) as here:
            self._measure_rate(name, here)
            settings = here.app.settings.model_copy(update={"broker_url": broker})
            with _working(here, settings) as app:
                there = Installation(app, here.owner, here.project_id)
                self._measure_delay(name, there)

    def _measure_rate(self, name: str, here: Installation) -> None:
        """One team alone: slices by turns, beside a run that is done in one thread.

        By the time that this process works: both do the same beside the turns.
        """
        team = Team(here, here.project_id)

        def by_turns() -> float:
            run_id = team.request(self._folder / "large")
            return measure_work(lambda: _take_turns(here.app, run_id))

        def at_once() -> float:
            run_id = team.request(self._folder / "large")
            app = here.app
            return measure_work(lambda: run_until_done(app, run_id, owner="bench"))

        ours, bare = alternate(by_turns, at_once, rounds=ROUNDS)
        rate, least = self._large / ours, self._large / bare
        text = f"{name}: import of a team alone, by turns; bare: one run, no turns"
        target = at_least(rate / least, LEAST_RATIO, "ratio")
        self._report.add(Figure(text, rate, "objects/s of work", least, target))

    def _measure_delay(self, name: str, here: Installation) -> None:
        """A small sync beside large ones of another team, and with nothing beside."""
        large, small = Team(here, here.project_id), _add_team(here)
        folder = self._folder / "small"
        alone = max(small.sync(folder) for _ in range(TIMES))
        theirs = [large.request(self._folder / "large") for _ in range(LARGE_SYNCS)]
        time.sleep(1.0)  # until all threads are at work
        beside = max(small.sync(folder) for _ in range(TIMES))
        left = sum(runs.is_active(here.app, run_id) for run_id in theirs)
        for run_id in theirs:
            if runs.is_active(here.app, run_id):
                runs.cancel_run(here.app, here.owner, run_id)
        if not left:
            raise RuntimeError("the large syncs ended too soon to say anything")
        text = (
            f"{name}: longest of {TIMES} syncs of {SMALL} objects beside {LARGE_SYNCS} "
            f"of {self._large:,} of another team; bare: alone"
        )
        target = at_most(beside, MOST_SECONDS, "s")
        self._report.add(Figure(text, beside, "s", alone, target))


def _take_turns(app: AppContext, run_id: int) -> None:
    """What a thread of a worker does for its messages."""
    while runs.is_active(app, run_id):
        lease = turns.claim_next(app, "bench")
        if lease is None:
            time.sleep(0.01)
            continue
        began = time.monotonic()
        work_slice(app, lease)
        turns.charge(app, lease.organization_id, time.monotonic() - began)


def _add_team(here: Installation) -> Team:
    """Another team, by its rows: whoever measures is no administrator."""
    view = projects.create_project(here.app, here.owner, {"title": "small"})
    with here.app.database.write() as session:
        team = Organization(title=f"small {next(_numbers)}")
        session.add(team)
        session.flush()
        session.add(
            OrganizationMember(
                organization_id=team.id, user_id=here.owner.user_id, role="member"
            )
        )
        session.get_one(Project, view.id).organization_id = team.id
    return Team(here, view.id)


@contextmanager
def _working(here: Installation, settings: Settings) -> Iterator[AppContext]:
    """The same installation with a worker of two threads."""
    broker = build_broker(settings)
    app = AppContext(settings, here.app.database, here.app.catalog, here.app.vault)
    app = attach_bell(app, broker)
    worker = Worker(app, broker)
    worker.start()
    try:
        yield app
    finally:
        worker.stop(60)
        broker.close()
