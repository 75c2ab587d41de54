"""Exports to S3 beside bare puts, what saving costs, a bucket away, flat memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path
from typing import Any

from bench.installation import Installation, opened_installation
from bench.memory import FEW, MEGABYTE, MOST_MORE, MOST_RATIO, Growth, read_peak
from bench.object_server import served_objects
from bench.quiet import silence_logs
from bench.report import Figure, Report, Target, at_least, at_most
from bench.servers import fresh_database, started_postgres
from bench.service import served
from bench.timing import alternate, measure, measure_work
from bench.trees import temporary_folder
from labeldock.contract.values import Purpose
from labeldock.db.bulk import encode_rows, insert_rows
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, Task
from labeldock.services import storages
from labeldock.services.access import Principal
from labeldock.services.annotations import create_annotation
from labeldock.services.context import opened_context
from labeldock.services.exporting.dump import DumpFormat, dump_project
from labeldock.services.exporting.payloads import build_annotation
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.working import run_until_done
from labeldock.settings import Settings

ANNOTATIONS = 1000
THREADS = 8
LEAST_RATIO = 0.9
MOST_MORE_TO_SAVE = 1.0  # milliseconds
SAVES, MOST_GROWTH = 1000, 1.5
ROUNDS = 5
PAGE = 10_000
BUCKET = "labels"
RESULT = [
    {
        "id": "r1", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
        "original_width": 1280, "original_height": 720, "image_rotation": 0,
        "value": {"x": 10.5, "y": 20.5, "width": 30, "height": 40, "rotation": 0,
                  "rectanglelabels": ["gull"]},
    }
]  # fmt: skip
KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}


def run(report: Report, *, is_quick: bool) -> None:
    """Measure delivery, saving and memory."""
    with temporary_folder() as folder:
        _compare_delivery(report, folder, 2 if is_quick else ROUNDS)
        with started_postgres(report.console) as server:
            times = 100 if is_quick else 500
            _compare_saving(report, "SQLite", folder / "sqlite", "", times)
            if server is not None:
                with fresh_database(server) as url:
                    _compare_saving(report, "PostgreSQL", folder / "pg", url, times)
        _compare_outage(report, folder / "outage", 3 if is_quick else ROUNDS)
        _compare_memory(report, folder, 100_000 if is_quick else 1_000_000)
        from bench import peer_exports  # which fills its project as is done here

        peer_exports.run(report, folder, 100 if is_quick else 500)


# Delivery


def _compare_delivery(report: Report, folder: Path, rounds: int) -> None:
    home = folder / "delivery"
    with (
        served_objects() as url,
        opened_installation(home, roots=folder) as here,
    ):
        fill(here, ANNOTATIONS)
        storage_id = _connect_s3(here, url)
        contents = _read_contents(here)
        put = _build_put(url)
        pairs = [
            alternate(
                lambda clock=clock: clock(lambda: _export(here, storage_id)),
                lambda clock=clock: clock(lambda: _put_all(put, contents)),
                rounds=rounds,
            )
            for clock in (measure, measure_work)
        ]
    (ours, bare), (work, bare_work) = pairs
    rate, bare_rate = ANNOTATIONS / ours, ANNOTATIONS / bare
    target = at_least(rate / bare_rate, LEAST_RATIO, "ratio")
    name = f"export of {ANNOTATIONS:,} annotations to S3, {THREADS} at a time"
    report.add(Figure(name, rate, "annotations/s", bare_rate, target))
    # Beside other work, both sides wait; what this process works says more then.
    rates = ANNOTATIONS / work, ANNOTATIONS / bare_work
    report.add(Figure("the same per second of work", rates[0], "1/s", rates[1]))


def _connect_s3(here: Installation, url: str) -> int:
    values = {"bucket": BUCKET, "s3_endpoint": url, "max_workers": THREADS, **KEY}
    draft = StorageDraft(here.project_id, Purpose.EXPORT, "s3", values)
    return storages.add_storage(here.app, here.owner, draft).id


def _read_contents(here: Installation) -> list[tuple[str, bytes]]:
    with here.app.database.read() as session:
        built = [(n, build_annotation(session, n)) for n in range(1, ANNOTATIONS + 1)]
    return [(str(number), content) for number, content in built if content]


def _build_put(url: str) -> Callable[[tuple[str, bytes]], object]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            max_pool_connections=THREADS,
        ),
        **KEY,
    )

    def put(item: tuple[str, bytes]) -> object:
        key, body = item
        return client.put_object(
            Bucket=BUCKET, Key=key, Body=body, ContentType="application/json"
        )

    return put


def _put_all(put: Callable[[Any], object], contents: list[tuple[str, bytes]]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(put, contents):
            pass


def _export(here: Installation, storage_id: int) -> None:
    view = storages.sync_storage(here.app, here.owner, storage_id, Purpose.EXPORT)
    assert view.run is not None
    done = run_until_done(here.app, view.run.id, owner="bench")
    if done.counts.get("delivered") != ANNOTATIONS:
        raise RuntimeError(f"the export ended as {done.state}: {done.problem}")


# Saving


def _compare_saving(
    report: Report, database: str, home: Path, url: str, times: int
) -> None:
    home.mkdir()
    (home / "labels").mkdir()
    with opened_installation(home / "data", roots=home, database_url=url) as here:
        fill(here, 200)
        with_target, without = [], []
        storage_id = here.connect(home / "labels", Purpose.EXPORT, export_on_save=False)
        save = _build_saver(here)
        for _ in range(ROUNDS):  # in turns, so that noise strikes both
            _switch(here, storage_id, is_on=False)
            without.append(_time(save, times))
            _switch(here, storage_id, is_on=True)
            with_target.append(_time(save, times))
    ours, bare = min(with_target), min(without)
    target = at_most(ours - bare, MOST_MORE_TO_SAVE, "ms more")
    name = f"{database}: save an annotation to be exported"
    report.add(Figure(name, ours, "ms", bare, target))


def _switch(here: Installation, storage_id: int, *, is_on: bool) -> None:
    changes = {"export_on_save": is_on}
    storages.update_storage(here.app, here.owner, storage_id, Purpose.EXPORT, changes)


def _time(act: Callable[[], object], times: int) -> float:
    """Milliseconds per call: of the quickest tenth, whatever else the machine does."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    quick = sorted(taken)[: max(1, times // 10)]
    return 1000 * sum(quick) / len(quick)


def _build_saver(here: Installation) -> Callable[[], object]:
    numbers = count()
    values = {"result": RESULT}
    return lambda: create_annotation(
        here.app, here.owner, 1 + next(numbers) % 200, values
    )


def _compare_outage(report: Report, home: Path, rounds: int) -> None:
    """Saving while a worker delivers, to a bucket that answers and to none."""
    with opened_installation(home, roots=home) as here:
        fill(here, 200)
        save = _build_saver(here)

        def find_p99() -> float:
            return min(_find_percentile(save, SAVES, 0.99) for _ in range(rounds))

        with served(home):
            with served_objects() as url:
                _connect_s3(here, url)
                there = find_p99()
            away = find_p99()
    target = at_most(away / there, MOST_GROWTH, "ratio")
    name = "save while the bucket is away, beside one that answers, 99th percentile"
    report.add(Figure(name, away, "ms", there, target))


def _find_percentile(act: Callable[[], object], times: int, share: float) -> float:
    """Milliseconds within which this share of the calls is done."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return 1000 * sorted(taken)[int(share * times)]


# Memory


def _compare_memory(report: Report, folder: Path, many: int) -> None:
    few = _dump_elsewhere(folder / "few", FEW)
    lot = _dump_elsewhere(folder / "many", many)
    more = lot.megabytes - few.megabytes
    is_flat = lot.peak / few.peak <= MOST_RATIO and more < MOST_MORE
    target = Target(f"ratio ≤ {MOST_RATIO} and < {MOST_MORE:.0f} MB more", is_flat)
    name = f"peak memory of a stream of {many:,} annotations, beside {FEW:,}"
    report.add(Figure(name, lot.peak, "MB", few.peak, target))
    report.add(Figure("stream", lot.rate, "annotations/s", few.rate))


def _dump_elsewhere(home: Path, annotations: int) -> Growth:
    with opened_installation(home, roots=home) as here:
        fill(here, annotations)
    command = [sys.executable, "-m", "bench.exports", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Growth(**json.loads(done.stdout))


def fill(here: Installation, annotations: int) -> None:
    """Put in tasks with one annotation each, behind the application's back."""
    numbers: Iterator[int] = iter(range(1, annotations + 1))
    while page := list(islice(numbers, PAGE)):
        with here.app.database.write_connection() as connection:
            for table, columns, build in _TABLES:
                rows = [build(here, number) for number in page]
                encoded = encode_rows(connection, table, columns, rows)
                insert_rows(connection, table, columns, encoded)
    with here.app.database.write_connection() as connection:
        if connection.dialect.name == "postgresql":
            for name in ("task", "annotation"):
                connection.exec_driver_sql(
                    f"SELECT setval('{name}_id_seq', {annotations})"
                )


def _build_task(here: Installation, number: int) -> tuple[Any, ...]:
    now = utc_now()
    data = {"image": f"s3://media/{number}.jpg"}
    return (
        number, here.project_id, number, data, 1, True, True, 1, 0, 0, 1, now, now,
    )  # fmt: skip


def _build_row(here: Installation, number: int) -> tuple[Any, ...]:
    now = utc_now()
    owner = here.owner.user_id
    return (
        number, number, here.project_id, owner, RESULT, False, False, 1, now, now,
    )  # fmt: skip


_TABLES: Any = (
    (
        Task.__table__,  # type: ignore[attr-defined]
        ("id", "project_id", "inner_id", "data", "overlap", "allow_skip", "is_labeled",
         "total_annotations", "cancelled_annotations", "total_predictions", "version",
         "created_at", "updated_at"),
        _build_task,
    ),
    (
        Annotation.__table__,  # type: ignore[attr-defined]
        ("id", "task_id", "project_id", "completed_by_id", "result", "was_cancelled",
         "ground_truth", "version", "created_at", "updated_at"),
        _build_row,
    ),
)  # fmt: skip


def main() -> None:
    """Stream the project of an installation to nowhere; print what it took."""
    silence_logs()
    with opened_context(Settings(home=Path(sys.argv[1]))) as app:
        before, annotations = read_peak(), 0
        start = time.perf_counter()
        anybody = Principal(1, "bench@example.org", is_admin=True)
        for chunk in dump_project(app, anybody, 1, DumpFormat.JSON):
            annotations += chunk.annotations
        seconds = time.perf_counter() - start
        after = read_peak()
    grown = Growth((after - before) / MEGABYTE, after / MEGABYTE, annotations / seconds)
    sys.stdout.write(json.dumps(asdict(grown)))


if __name__ == "__main__":
    main()
