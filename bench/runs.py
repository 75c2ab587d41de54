"""What a run costs beside its rows, and what saving an annotation costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.installation import Installation, opened_installation
from bench.report import Figure, Report, at_most
from bench.servers import fresh_database, started_postgres
from bench.timing import measure
from bench.trees import make_flat, temporary_folder
from labeldock.contract.values import Purpose
from labeldock.services import leases, tasks
from labeldock.services.annotations import create_annotation
from labeldock.services.importing.pages import Batch, commit_batch
from labeldock.services.leases import Lease

ROUNDS = 3
MOST_FENCE = 10.0  # milliseconds; a page's transaction should take 100 at most
TASKS = 200


def run(report: Report, *, is_quick: bool) -> None:
    """Measure on each database."""
    times = 50 if is_quick else 500
    with temporary_folder() as folder, started_postgres(report.console) as server:
        _measure_all(Bench(report, "SQLite", times), folder / "sqlite")
        if server is not None:
            with fresh_database(server) as url:
                bench = Bench(report, "PostgreSQL", times)
                _measure_all(bench, folder / "postgres", url)


def _measure_all(bench: Bench, home: Path, url: str = "") -> None:
    home.mkdir()
    media = make_flat(home / "media", TASKS)
    (home / "labels").mkdir()
    with opened_installation(home / "data", roots=home, database_url=url) as here:
        storage_id = here.connect_media(media)
        here.sync(storage_id)
        bench.measure_leases(here, storage_id)
        bench.measure_annotations(here, home / "labels")


class Bench:
    """One database, and how often each thing is done."""

    def __init__(self, report: Report, database: str, times: int) -> None:
        self._report = report
        self._database = database
        self._times = times

    def measure_leases(self, here: Installation, storage_id: int) -> None:
        """Claims, fences and hand-backs of one run, none of which does any work."""
        run_id = here.request_import(storage_id)
        lease = _claim(here, run_id)
        empty: dict[str, Any] = {"checkpoint": {"after": "a"}, "counts": {"seen": 1}}
        fence = self._time(lambda: commit_batch(here.app, lease, Batch(), **empty))
        leases.hand_back(here.app, lease)
        claim = self._time(lambda: leases.hand_back(here.app, _claim(here, run_id)))
        target = at_most(fence, MOST_FENCE, "ms")
        self._add("fence and checkpoint of a page", fence, "ms", target=target)
        self._add("claims, each handed back", 1000 / claim, "1/s")

    def measure_annotations(self, here: Installation, labels: Path) -> None:
        """Saving annotations, without an export storage and with one."""
        query = tasks.TaskQuery(here.project_id, limit=TASKS)
        found = tasks.list_tasks(here.app, here.owner, query)
        ids = [task.id for task in found.tasks]
        without = self._time(_saver(here, ids))
        here.connect(labels, Purpose.EXPORT)
        with_one = self._time(_saver(here, ids))
        self._add("save an annotation", without, "ms")
        self._add("save one to be exported", with_one, "ms", bare=without)

    def _time(self, action: Callable[[], object]) -> float:
        """Milliseconds per call, the best of some rounds."""

        def repeat() -> None:
            for _ in range(self._times):
                action()

        return min(measure(repeat) for _ in range(ROUNDS)) * 1000 / self._times

    def _add(self, name: str, value: float, unit: str, **rest: Any) -> None:
        self._report.add(Figure(f"{self._database}: {name}", value, unit, **rest))


def _claim(here: Installation, run_id: int) -> Lease:
    lease = leases.claim_run(here.app, "bench", run_id)
    assert lease is not None
    return lease


def _saver(here: Installation, task_ids: list[int]) -> Callable[[], object]:
    numbers = iter(range(10**9))
    values = {"result": [{"type": "choices", "value": {"choices": ["gull"]}}]}

    def save() -> None:
        task_id = task_ids[next(numbers) % len(task_ids)]
        create_annotation(here.app, here.owner, task_id, values)

    return save
