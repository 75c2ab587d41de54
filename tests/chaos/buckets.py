"""An S3 bucket behind a wire: files of tasks to import, and annotations delivered."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from labeldock.contract.values import Purpose
from tests.chaos.scene import Scene
from tests.chaos.wire import Wire

NAME = "chaos"
TASKS, LABELS = "tasks/", "labels/"
CREDENTIALS = {"aws_access_key_id": "chaos", "aws_secret_access_key": "chaos"}


class ChaosBucket:
    """The bucket as it is, beside the wire.

    Attributes:
        rows: how many tasks the file under each key has.
    """

    def __init__(self, url: str) -> None:
        config = Config(max_pool_connections=8)
        self._client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            config=config,
            **CREDENTIALS,
        )
        self._client.create_bucket(Bucket=NAME)
        self.rows: dict[str, int] = {}

    def connect(self, scene: Scene, purpose: Purpose, wire: Wire) -> int:
        """The number of a new storage that reaches the bucket through the wire."""
        values: dict[str, Any] = {
            "bucket": NAME,
            "s3_endpoint": wire.url,
            "region_name": "us-east-1",
            **CREDENTIALS,
        }
        if purpose is Purpose.IMPORT:
            return scene.add("s3", purpose, **values, prefix=TASKS, recursive_scan=True)
        return scene.add("s3", purpose, **values, prefix=LABELS)

    def add_task_files(self, count: int) -> list[str]:
        """Put files with one to three tasks each; their keys."""
        numbers = range(len(self.rows), len(self.rows) + count)
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._put_tasks, numbers))

    def _put_tasks(self, number: int) -> str:
        key = f"{TASKS}{number:05}.json"
        tasks = [{"source": f"{key}/{row}"} for row in range(number % 3 + 1)]
        self._client.put_object(Bucket=NAME, Key=key, Body=json.dumps(tasks))
        self.rows[key] = len(tasks)
        return key

    def read_labels(self) -> dict[str, bytes]:
        """What was delivered, by key without its prefix."""
        keys = [
            entry["Key"]
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=NAME, Prefix=LABELS
            )
            for entry in page.get("Contents", [])
        ]
        with ThreadPoolExecutor(4) as pool:
            bodies = pool.map(self._read, keys)
            return dict(
                zip((k.removeprefix(LABELS) for k in keys), bodies, strict=True)
            )

    def _read(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=NAME, Key=key)["Body"].read()
        return body
