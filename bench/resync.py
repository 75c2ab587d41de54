"""Second syncs with nothing new, against the bare listing of the same objects."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench.installation import Installation, opened_installation
from bench.object_server import served_objects
from bench.report import Figure, Report, at_least
from bench.timing import alternate, measure
from bench.trees import temporary_folder
from labeldock.contract import (
    Availability,
    ListQuery,
    ObjectInfo,
    ObjectPage,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    hookimpl,
)
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.storage_fields import StorageDraft
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.plugins import build_catalog

ROUNDS = 3
LEAST_RATE = 100_000
LEAST_RATIO = 0.5
BLOBS = {"use_blob_urls": True, "recursive_scan": True}
KEY = {"aws_access_key_id": "AKIABENCH", "aws_secret_access_key": "secret"}
BUCKET = "media"


def run(report: Report, *, is_quick: bool) -> None:
    """Measure with a listing in memory, and with one that S3 gives."""
    objects = 50_000 if is_quick else 500_000
    with temporary_folder() as folder:
        _measure_memory(report, folder, objects)
        _measure_s3(report, folder, 5000 if is_quick else 20_000)


class HeldListing(MemoryProvider):
    """A bucket whose pages cost nothing: the objects lie in memory, in order."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.create_bucket(BUCKET)
        self._objects = tuple(
            ObjectInfo(f"images/{number:08}.jpg", 1000, f"etag-{number}")
            for number in range(count)
        )
        self._keys = [info.key for info in self._objects]

    @hookimpl
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        """Everything is fine."""
        del storage, request
        return ValidationReport(Availability.AVAILABLE)

    @hookimpl
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        """A slice of them; the cursor is its end."""
        del storage
        start = int(query.cursor or bisect_right(self._keys, query.after_key or ""))
        end = start + query.limit
        cursor = str(end) if end < len(self._objects) else None
        return ObjectPage(self._objects[start:end], cursor=cursor)


def _measure_memory(report: Report, folder: Path, objects: int) -> None:
    catalog = build_catalog(HeldListing(objects))
    with opened_installation(folder / "memory", roots=folder) as opened:
        here = replace(opened, app=replace(opened.app, catalog=catalog))
        storage_id = _connect(here, "memory", {"bucket": BUCKET, **BLOBS})
        here.sync(storage_id)
        seconds = min(measure(lambda: here.sync(storage_id)) for _ in range(ROUNDS))
    rate = objects / seconds
    name = f"second sync of {objects:,} objects, listed from memory"
    target = at_least(rate, LEAST_RATE, "objects/s")
    report.add(Figure(name, rate, "objects/s", target=target))


def _measure_s3(report: Report, folder: Path, objects: int) -> None:
    options = ("--count", str(objects), "--size", "500")
    with (
        served_objects(*options) as url,
        opened_installation(folder / "s3", roots=folder) as here,
    ):
        values = {"bucket": BUCKET, "s3_endpoint": url, **BLOBS, **KEY}
        storage_id = _connect(here, "s3", values)
        here.sync(storage_id)
        ours, bare = alternate(
            lambda: measure(lambda: here.sync(storage_id)),
            lambda: measure(lambda: _list_bare(url)),
            rounds=ROUNDS,
        )
    rate, bare_rate = objects / ours, objects / bare
    name = f"second sync of {objects:,} objects, beside a listing by boto3"
    target = at_least(rate / bare_rate, LEAST_RATIO, "ratio")
    report.add(Figure(name, rate, "objects/s", bare_rate, target))


def _connect(here: Installation, provider: str, values: dict[str, Any]) -> int:
    draft = StorageDraft(here.project_id, Purpose.IMPORT, provider, values)
    return storages.add_storage(here.app, here.owner, draft).id


def _list_bare(url: str) -> int:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
        **KEY,
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    found = sum(len(page.get("Contents", ())) for page in pages)
    client.close()
    return found
