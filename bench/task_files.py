"""Imports of many small task files from S3, against a bare parallel GET and insert."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench.bare import (
    LINK_COLUMNS,
    ROWS,
    TASK_COLUMNS,
    build_insert,
    make_bare_database,
    read_ddl,
)
from bench.installation import Installation, opened_installation
from bench.object_server import served_objects
from bench.report import Figure, Report, at_least
from bench.timing import alternate, measure
from bench.trees import temporary_folder
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft

ROUNDS = 3
SIZE = 500
THREADS = 8  # as many as the setting `read_threads` says by itself
BUCKET = "media"
FOLDER = "tasks/"
KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
LEAST_RATIO = 0.7
_numbers = count()


def run(report: Report, *, is_quick: bool) -> None:
    """Measure with a server that answers at once, and with one that takes its time."""
    files = 1000 if is_quick else 5000
    for delay in (0.0, 0.02):
        options = ("--count", str(files), "--size", str(SIZE), "--delay", str(delay))
        with temporary_folder() as folder, served_objects(*options) as url:
            ours, bare = alternate(
                lambda: _import_ours(folder, url, files),
                lambda: _import_bare(folder, url, files),
                rounds=ROUNDS,
            )
        rate, bare_rate = files / ours, files / bare
        name = f"import {files:,} JSON files from S3, {1000 * delay:g} ms a request"
        target = at_least(rate / bare_rate, LEAST_RATIO, "ratio")
        report.add(Figure(name, rate, "objects/s", bare_rate, target))


def _import_ours(folder: Path, url: str, files: int) -> float:
    home = folder / f"home-{next(_numbers)}"
    with opened_installation(home, roots=folder) as here:
        storage_id = _connect(here, url)
        seconds = measure(lambda: here.sync(storage_id))
        found = sqlite3.connect(here.database_path)
        assert found.execute("SELECT count(*) FROM task").fetchone() == (files,)
        found.close()
    return seconds


def _connect(here: Installation, url: str) -> int:
    values = {"bucket": BUCKET, "s3_endpoint": url, "prefix": FOLDER, **KEY}
    draft = StorageDraft(here.project_id, Purpose.IMPORT, "s3", values)
    return storages.add_storage(here.app, here.owner, draft).id


def _import_bare(folder: Path, url: str, files: int) -> float:
    number = next(_numbers)
    with opened_installation(folder / f"home-{number}", roots=folder) as here:
        ddl = read_ddl(here.database_path)
    connection = make_bare_database(folder / f"bare-{number}.sqlite3", ddl)
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, max_pool_connections=2 * THREADS
        ),
        **KEY,
    )
    seconds = measure(lambda: _copy(client, connection, files))
    connection.close()
    client.close()
    return seconds


def _copy(client: Any, connection: sqlite3.Connection, files: int) -> None:
    """Read all, parse each, and insert them a thousand at a time; nothing else."""
    into_task = build_insert("task", TASK_COLUMNS)
    into_link = build_insert("import_link", LINK_COLUMNS)
    keys = [f"{FOLDER}{number:06}-{SIZE}" for number in range(files)]
    with ThreadPoolExecutor(THREADS) as pool:
        for start, page in _iterate_pages(keys):
            texts = list(pool.map(lambda key: _read(client, key), page))
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(into_task, _build_tasks(start, texts))
            connection.executemany(into_link, _build_links(start, page))
            connection.execute("COMMIT")


def _iterate_pages(keys: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(keys), ROWS):
        yield start + 1, keys[start : start + ROWS]


def _read(client: Any, key: str) -> str:
    body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return json.dumps(json.loads(body)["data"])


def _build_tasks(start: int, texts: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    now = datetime.now(UTC).isoformat(" ", "microseconds")[:26]
    for number, text in enumerate(texts, start=start):
        yield (number, 1, number, text, None, 1, 1, 0, 0, 0, 0, 1, now, now)


def _build_links(start: int, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    now = datetime.now(UTC).isoformat(" ", "microseconds")[:26]
    for number, key in enumerate(keys, start=start):
        yield (1, number, key, -1, -1, "linked", "e", SIZE, now, 1, None, now)
