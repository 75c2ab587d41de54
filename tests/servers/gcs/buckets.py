"""Buckets and their objects: live versions only, each with a generation."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import google_crc32c

from tests.servers.gcs.messages import ApiError

ACME = ".well-known/acme-challenge/"


@dataclass(frozen=True)
class StoredObject:
    """One version of an object."""

    name: str
    data: bytes
    content_type: str
    generation: int
    updated: datetime
    content_encoding: str | None = None
    metageneration: int = 1

    @property
    def md5(self):
        return base64.b64encode(hashlib.md5(self.data).digest()).decode()

    @property
    def crc32c(self):
        return base64.b64encode(google_crc32c.Checksum(self.data).digest()).decode()

    @property
    def etag(self):
        number = self.generation.to_bytes(8, "big")
        return base64.b64encode(b"\x08" + number + b"\x10\x01").decode()

    def render(self, bucket, url):
        """The object resource of the JSON API."""
        stamp = self.updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        resource = {
            "kind": "storage#object",
            "id": f"{bucket}/{self.name}/{self.generation}",
            "mediaLink": f"{url}/download/storage/v1/b/{bucket}/o/"
            f"{quote(self.name, safe='')}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(len(self.data)),
            "md5Hash": self.md5,
            "crc32c": self.crc32c,
            "etag": self.etag,
            "timeCreated": stamp,
            "updated": stamp,
        }
        if self.content_encoding:
            resource["contentEncoding"] = self.content_encoding
        return resource


@dataclass
class Conditions:
    """The preconditions of a request, by generation and metageneration."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    @classmethod
    def of(cls, request):
        return cls(
            request.number("ifGenerationMatch"),
            request.number("ifGenerationNotMatch"),
            request.number("ifMetagenerationMatch"),
            request.number("ifMetagenerationNotMatch"),
        )

    def check(self, stored, *, is_read):
        """Raise unless they hold for the live version, which may be None."""
        generation = stored.generation if stored else 0
        metageneration = stored.metageneration if stored else 0
        if self.generation not in {None, generation}:
            raise _condition_not_met(412)
        if self.metageneration not in {None, metageneration}:
            raise _condition_not_met(412)
        status = 304 if is_read else 412
        if self.not_generation == generation:
            raise _condition_not_met(status)
        if self.not_metageneration is not None and (
            self.not_metageneration == metageneration
        ):
            raise _condition_not_met(status)


@dataclass
class Bucket:
    """A bucket.

    Attributes:
        name: its name.
        is_public: everybody may list and read it.
        origins: what its CORS configuration allows to GET and HEAD.
        empty_pages: how many listings are yet answered with an empty page and a token.
    """

    name: str
    is_public: bool = False
    origins: frozenset[str] = frozenset()
    empty_pages: int = 0
    objects: dict[str, StoredObject] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    last_generation: int = 0

    def find(self, name):
        """The live version.

        Raises:
            ApiError: there is none.
        """
        stored = self.objects.get(name)
        if stored is None:
            raise ApiError(
                404, "notFound", f"No such object: {self.name}/{name}", "NoSuchKey"
            )
        return stored

    def put(self, name, data, content_type, *, encoding=None, conditions=None):
        """A new version, if the conditions hold for the one before."""
        check_name(name)
        with self.lock:
            if conditions is not None:
                conditions.check(self.objects.get(name), is_read=False)
            if name not in self.objects:
                insort(self.names, name)
            self.last_generation = max(self.last_generation + 1, time.time_ns() // 1000)
            self.objects[name] = StoredObject(
                name,
                bytes(data),
                content_type or "application/octet-stream",
                self.last_generation,
                datetime.now(UTC),
                encoding,
            )
            return self.objects[name]

    def delete(self, name, conditions=None):
        with self.lock:
            stored = self.find(name)
            if conditions is not None:
                conditions.check(stored, is_read=False)
            del self.objects[name]
            del self.names[bisect_left(self.names, name)]


def check_name(name):
    """cloud.google.com/storage/docs/objects#naming."""
    if not 0 < len(name.encode()) <= 1024:
        raise ApiError(400, "invalid", "The object name has to be 1 to 1024 bytes.")
    if any(character in name for character in "\0\r\n"):
        raise ApiError(400, "invalid", "Disallowed unicode characters in object name.")
    if name in {".", ".."} or name.startswith(ACME):
        raise ApiError(400, "invalid", f"The object name {name!r} is reserved.")


def _condition_not_met(status):
    message = "At least one of the pre-conditions you specified did not hold."
    return ApiError(status, "conditionNotMet", message, "PreconditionFailed")
