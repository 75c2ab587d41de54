"""The rigs of the conformance kit: moto, Swift, and a bucket of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from labeldock.contract import Purpose
from labeldock.testing.answers import Answer
from labeldock.testing.rig import Container, NotApplicable, Options, ProviderRig
from tests.plugins.s3.places import KEY_ID, SECRET, Place
from tests.servers.swift import OTHER_KEY_ID, OTHER_SECRET

BUCKET = os.environ.get("LABELDOCK_TEST_S3_BUCKET", "")
FULL = bool(os.environ.get("LABELDOCK_TEST_FULL"))
BELIEVES = "moto believes every key; Swift checks them"
UNSIGNED = "moto does not look at signatures, https://docs.getmoto.org; Swift does"
UNCONDITIONAL = (
    "Swift has no conditional writes (501), "
    "https://docs.openstack.org/swift/latest/s3_compat.html; moto has"
)
SLOW_DOWN = Answer(
    503,
    {"Content-Type": "application/xml", "Retry-After": "1"},
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
)


class S3Rig(ProviderRig):
    """What every S3 server has in common."""

    provider_name = "s3"
    throttled = SLOW_DOWN
    place: Place

    def build_environment(self) -> Mapping[str, str]:
        return {
            "LABELDOCK_S3_CONNECT_TIMEOUT": "1",
            "LABELDOCK_S3_READ_TIMEOUT": "0.7",
            "LABELDOCK_S3_MAX_ATTEMPTS": "2",
        }

    def create_container(self) -> Container:
        name = self.build_name()
        self.place.create_bucket(name)
        return Container(name)

    def build_options(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_options(container.name)

    def put_object(
        self, container: Container, key: str, data: bytes, content_type: str
    ) -> None:
        self.place.put(container.name, key, data, ContentType=content_type)

    def put_objects(self, container: Container, keys: Iterable[str]) -> None:
        self.place.put_all(container.name, keys)

    def read_object(self, container: Container, key: str) -> bytes | None:
        return self.place.read(container.name, key)

    def remove_object(self, container: Container, key: str) -> None:
        self.place.remove(container.name, key)

    def missing_container(self, container: Container, purpose: Purpose) -> Options:
        return self.place.build_options(self.build_name())

    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        wrong = self.place.change(secret="not-the-secret-of-this-key")
        return wrong.build_options(container.name)

    @property
    def upstream(self) -> str:
        return self.place.endpoint

    def proxied(self, container: Container, purpose: Purpose, url: str) -> Options:
        return self.place.change(endpoint=url).build_options(container.name)


class MotoRig(S3Rig):
    """Behaviour and paging."""

    title = "s3 (moto)"
    bulk = 10_001 if FULL else 2_501
    known_faults: ClassVar[Mapping[str, str]] = {
        "P2": f"{UNSIGNED}: expiry",
        "P3": f"{UNSIGNED}: methods",
        "P10": f"{UNSIGNED}: keys",
    }

    def start(self, request: Any) -> None:
        self.place = Place(request.getfixturevalue("moto_url"), KEY_ID, SECRET)

    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable(BELIEVES)

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable(BELIEVES)

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable(BELIEVES)


class SwiftRig(S3Rig):
    """Credentials, signatures and expiry."""

    title = "s3 (Swift)"
    bulk = 1_051
    examples = 8
    known_faults: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("A3", "A11", "A12", "A13", "A14", "A17", "A26"), UNCONDITIONAL
    )

    def start(self, request: Any) -> None:
        server = request.getfixturevalue("swift")
        self.place = Place(server.url, server.key_id, server.secret, server.region)

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        other = self.place.change(key_id=OTHER_KEY_ID, secret=OTHER_SECRET)
        return other.build_options(container.name)

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        client = self.place.client
        client.put_bucket_acl(Bucket=container.name, ACL="public-read")
        return self.no_permission(container, purpose)


class BucketRig(S3Rig):
    """A bucket of one's own, on Amazon or elsewhere, below a prefix of the run's."""

    title = "s3 (real bucket)"
    known_faults: ClassVar[Mapping[str, str]] = {}

    def start(self, request: Any) -> None:
        given = {
            name: os.environ.get(f"LABELDOCK_TEST_S3_{name}", "")
            for name in ("ENDPOINT", "KEY_ID", "SECRET", "REGION")
        }
        self.place = Place(
            given["ENDPOINT"],
            given["KEY_ID"],
            given["SECRET"],
            given["REGION"] or "us-east-1",
        )

    def create_container(self) -> Container:
        return Container(BUCKET, f"{self.build_name()}/")

    def remove_container(self, container: Container) -> None:
        for key in self.place.list(container.name, container.prefix):
            self.place.remove(container.name, key)

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable("one key is known")

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        raise NotApplicable("one key is known")

    @property
    def upstream(self) -> str:
        if not self.place.endpoint.startswith("http://"):
            raise NotApplicable("a proxy in front of TLS would have to be trusted")
        return self.place.endpoint
