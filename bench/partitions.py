"""One bucket of task files imported by two and by eight workers, and by one."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from bench.installation import SECRET_KEY, Installation, opened_installation
from bench.object_server import served_objects
from bench.quiet import silence_logs
from bench.report import Figure, Report, at_least
from bench.servers import fresh_database, started_postgres
from bench.timing import measure
from bench.trees import temporary_folder
from labeldock.contract.values import ListQuery, Purpose
from labeldock.jobs.bell import attach_bell
from labeldock.jobs.broker import build_broker
from labeldock.jobs.worker import Worker
from labeldock.services import runs, storages
from labeldock.services.connections import load_connection
from labeldock.services.context import open_context
from labeldock.services.storage_fields import StorageDraft
from labeldock.settings import Settings
from tests.servers.process import ServerMissing
from tests.servers.redis import flushed_database, run_redis

LEAST_RATIOS = {2: 1.8, 8: 6.0}
"""Of so many workers together, over one of them."""
THREADS = 3
DELAY = 0.05  # seconds that the server takes for every request
PATIENCE = 600.0
STARTING = 60.0
SIZE = 500
KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
_CONTEXT = multiprocessing.get_context("forkserver")


def run(report: Report, *, is_quick: bool) -> None:
    """Measure with PostgreSQL and Redis, where they are installed."""
    files = 1000 if is_quick else 4000
    options = ("--count", str(files), "--size", str(SIZE), "--delay", str(DELAY))
    with ExitStack() as stack:
        server = stack.enter_context(started_postgres(report.console))
        try:
            redis_url = stack.enter_context(run_redis())
        except ServerMissing as missing:
            report.console.print(f"  without Redis: {missing}", style="yellow")
            return
        if server is None:
            return
        folder = stack.enter_context(temporary_folder())
        url = stack.enter_context(served_objects(*options))
        rates = {}
        for count in (1, *LEAST_RATIOS):
            with fresh_database(server) as database, flushed_database(redis_url):
                place = Place(folder / f"home-{count}", database, redis_url, url)
                rates[count] = files / place.import_with(count, files)
    for count, least in LEAST_RATIOS.items():
        name = (
            f"{count} workers, {THREADS} reads at a time each: {files:,} JSON files, "
            f"{1000 * DELAY:g} ms a request, beside one worker"
        )
        target = at_least(rates[count] / rates[1], least, "ratio")
        report.add(Figure(name, rates[count], "objects/s", rates[1], target))


class Place:
    """An installation, its workers' settings, and the bucket."""

    def __init__(self, home: Path, database: str, broker: str, bucket: str) -> None:
        self._home, self._database = home, database
        self._broker, self._bucket = broker, bucket

    def import_with(self, workers: int, files: int) -> float:
        """Seconds that an import takes with so many worker processes."""
        roots = self._home.parent
        with opened_installation(
            self._home, roots=roots, database_url=self._database
        ) as here:
            storage_id = self._connect(here)
            with self._hired(workers, storage_id):
                return measure(lambda: _sync(here, storage_id, files))

    def _connect(self, here: Installation) -> int:
        values = {"bucket": "media", "s3_endpoint": self._bucket, "prefix": "tasks/"}
        draft = StorageDraft(here.project_id, Purpose.IMPORT, "s3", values | KEY)
        return storages.add_storage(here.app, here.owner, draft).id

    @contextmanager
    def _hired(self, count: int, storage_id: int) -> Iterator[None]:
        values = {
            "home": self._home, "database_url": self._database, "egress_private": True,
            "broker_url": self._broker, "secret_key": SECRET_KEY,
            "worker_threads": 1, "read_threads": THREADS, "poll_interval": 0.2,
        }  # fmt: skip
        events = [_CONTEXT.Event() for _ in range(count)]
        workers = [
            _CONTEXT.Process(
                target=_work, args=(values, storage_id, event), daemon=True
            )
            for event in events
        ]
        for worker in workers:
            worker.start()
        try:
            for event in events:
                assert event.wait(STARTING)
            yield
        finally:
            for worker in workers:
                worker.kill()
                worker.join()


def _work(values: dict[str, Any], storage_id: int, ready: Event) -> None:
    """Take work until the process is killed; the SDK is there before it counts."""
    silence_logs()
    settings = Settings(**values)
    app = open_context(settings)
    connection = load_connection(app, storage_id)
    connection.provider.list_objects(connection.ref, ListQuery(limit=1))
    broker = build_broker(settings)
    Worker(attach_bell(app, broker), broker).start()
    ready.set()
    while True:
        signal.pause()


def _sync(here: Installation, storage_id: int, files: int) -> None:
    run_id = here.request_import(storage_id)
    deadline = time.monotonic() + PATIENCE
    while runs.is_active(here.app, run_id):
        if time.monotonic() > deadline:
            raise RuntimeError(f"run {run_id} did not end")
        time.sleep(0.02)
    done = runs.get_run(here.app, here.owner, run_id)
    if (done.state, done.counts.get("created")) != ("completed", files):
        raise RuntimeError(f"the import ended as {done.state}: {done.counts}")
