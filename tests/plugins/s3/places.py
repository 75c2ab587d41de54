"""A server or a real account, and the bare SDK on it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WRITERS = 8


@dataclass(frozen=True)
class Place:
    """Where buckets are, and with whose key; "" for Amazon and the machine's own."""

    endpoint: str
    key_id: str = ""
    secret: str = ""
    region: str = "us-east-1"

    def build_options(self, bucket: str) -> dict[str, Any]:
        """Settings of a storage there."""
        return {
            "bucket": bucket,
            "region_name": self.region,
            "s3_endpoint": self.endpoint,
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.secret,
        }

    def change(self, **changes: str) -> Place:
        """The same with another key or endpoint."""
        return replace(self, **changes)

    @cached_property
    def client(self) -> Any:
        """A client of the bare SDK."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint or None,
            region_name=self.region,
            aws_access_key_id=self.key_id or None,
            aws_secret_access_key=self.secret or None,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=WRITERS,
            ),
        )

    def create_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name)

    def put(
        self, bucket: str, key: str, data: bytes = b"0123456789", **more: Any
    ) -> str:
        """Put an object there; its ETag."""
        answer = self.client.put_object(Bucket=bucket, Key=key, Body=data, **more)
        etag: str = answer["ETag"].strip('"')
        return etag

    def put_all(self, bucket: str, keys: Iterable[str]) -> None:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda key: self.put(bucket, key), keys))

    def read(self, bucket: str, key: str) -> bytes | None:
        try:
            answer = self.client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        data: bytes = answer["Body"].read()
        return data

    def remove(self, bucket: str, key: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key)

    def list(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix
        )
        return [found["Key"] for page in pages for found in page.get("Contents", ())]
