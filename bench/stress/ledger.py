"""What has to be there at the end: counted beside the service, compared with it."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3

from bench.stress.ground import BUCKET, KEYS, LABELS, Gallery, Ground
from bench.stress.outcomes import Stretch
from bench.stress.sheet import Sheet
from labeldock.contract.values import Purpose
from labeldock.services import storages

CONTENT = b"x" * 2000
_THREADS = 8
_ENDED = {"completed", "completed_with_errors", "failed", "cancelled"}


def fill_bucket(url: str, count: int) -> None:
    """Make the buckets, and put so many objects into that of the media."""
    client = build_client(url)
    for name in (BUCKET, LABELS):
        client.create_bucket(Bucket=name)
    put_objects(client, range(count))
    client.close()


def build_client(url: str) -> Any:  # boto3 has no types
    """A client of the bucket, beside the service."""
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS)


def put_objects(client: Any, numbers: range) -> None:
    """Put objects with these numbers."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(
            pool.map(
                lambda number: client.put_object(
                    Bucket=BUCKET, Key=f"{number:06}.jpg", Body=CONTENT
                ),
                numbers,
            )
        )


@dataclass
class Ledger:
    """What was answered, and what was put into the bucket behind the service's back."""

    ground: Ground
    url: str
    saved: list[int] = field(default_factory=list)
    tried: int = 0
    added: int = 0

    def take(self, stretch: Stretch) -> None:
        """Note which annotations were answered, and how many were sent."""
        self.saved += stretch.list_made("annotate")
        self.tried += len(stretch.rows_of("annotate"))

    def add_objects(self, count: int) -> None:
        """Put more objects, which the next sync brings."""
        first = len(self.ground.shown.tasks) + self.added
        client = build_client(self.url)
        put_objects(client, range(first, first + count))
        client.close()
        self.added += count

    def sync(self) -> None:
        """Ask once more for everything, now that nothing is stopped any more."""
        here = self.ground.installation
        for gallery in (self.ground.shown, self.ground.streamed):
            storages.sync_storage(
                here.app, here.owner, gallery.storage_id, Purpose.IMPORT
            )

    def judge(self, sheet: Sheet) -> None:
        """Compare."""
        client = build_client(self.url)
        try:
            self._judge_tasks(client, sheet)
            self._judge_annotations(client, sheet)
        finally:
            client.close()
        runs = self.ground.read("SELECT state FROM run")
        states = Counter(row.state for row in runs)
        told = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        sheet.judge("runs", told, "all at their end", is_met=set(states) <= _ENDED)

    def _judge_tasks(self, client: Any, sheet: Sheet) -> None:
        keys = Counter(list_keys(client, BUCKET))
        for name, gallery in (
            ("shown", self.ground.shown),
            ("streamed", self.ground.streamed),
        ):
            found = Counter(self._list_task_keys(gallery))
            lost, doubled = keys - found, found - keys
            sheet.judge(
                f"tasks of the {name} project: {found.total():,}",
                f"{lost.total()} lost, {doubled.total()} doubled",
                f"one for each of {keys.total():,} objects",
                is_met=found == keys,
            )

    def _list_task_keys(self, gallery: Gallery) -> list[str]:
        rows = self.ground.read(
            "SELECT task.data FROM task WHERE project_id = :id", id=gallery.project_id
        )
        uris = [uri for row in rows for uri in json.loads(row.data).values()]
        return [uri.removeprefix(f"s3://{BUCKET}/") for uri in uris]

    def _judge_annotations(self, client: Any, sheet: Sheet) -> None:
        rows = self.ground.read("SELECT id, task_id, result FROM annotation")
        kept = {row.id: (row.task_id, json.loads(row.result)) for row in rows}
        lost = set(self.saved) - set(kept)
        more = len(kept) - len(set(self.saved))
        sheet.judge(
            f"annotations that were answered: {len(self.saved):,}",
            f"{len(lost)} lost; {more} more, of requests that broke off",
            f"0 lost; {self.tried:,} sent at most",
            is_met=not lost and len(kept) <= self.tried,
        )
        delivered = read_labels(client)
        counted = Counter(number for number, _ in delivered)
        contents = dict(delivered)
        sheet.judge(
            f"annotations in the bucket: {len(delivered):,}",
            f"{len(kept.keys() - contents.keys())} lost, "
            f"{counted.total() - len(counted)} doubled, "
            f"{sum(contents[n] != kept.get(n) for n in contents)} different",
            f"the {len(kept):,} of the database",
            is_met=contents == kept and len(delivered) == len(kept),
        )


def list_keys(client: Any, bucket: str) -> list[str]:
    """All keys of a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def read_labels(client: Any) -> list[tuple[int, tuple[int, Any]]]:
    """Number, task and result of each annotation that was delivered."""

    def read(key: str) -> tuple[int, tuple[int, Any]]:
        body = client.get_object(Bucket=LABELS, Key=key)["Body"].read()
        found = json.loads(body)
        return found["id"], (found["task"], found["result"])

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(read, list_keys(client, LABELS)))
