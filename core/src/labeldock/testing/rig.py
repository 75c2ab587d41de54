"""The rig: what the author of a provider writes, so that the kit can prove it right.

A rig knows how to get an empty container, how to put, read and remove objects there
*behind the provider's back* (with the bare SDK, or with plain HTTP), and which settings
lead into which trouble. Everything else is in the suites:

    # tests/rig.py
    class ShelfRig(ProviderRig):
        provider_name = "shelf"  # the name of the installed entry point

        def start(self, request):
            self.server = request.getfixturevalue("shelf_server")

        def create_container(self):
            name = self.build_name()
            self.server.create(name)
            return Container(name)

        def build_options(self, container, purpose):
            return {"room": container.name, "url": self.server.url, "token": TOKEN}

        def put_object(self, container, key, data, content_type): ...
        def read_object(self, container, key): ...
        def remove_object(self, container, key): ...

        def missing_container(self, container, purpose):
            return {**self.build_options(container, purpose), "room": "none"}

        def wrong_credentials(self, container, purpose): ...
        def no_permission(self, container, purpose): ...
        def read_only(self, container, purpose):
            raise NotApplicable("the server knows no roles")

        @property
        def upstream(self):
            return self.server.url

        def proxied(self, container, purpose, url):
            return {**self.build_options(container, purpose), "url": url, "timeout": 1}

    # tests/test_conformance.py
    class TestShelf(ProviderSuite):
        rig_class = ShelfRig

`pytest tests/test_conformance.py` then runs every scenario and prints the support
table. What the rig's methods return are settings of a storage, as a person would enter
them; they go through the provider's own models. Where a situation cannot exist, the
method raises `NotApplicable` with the reason, which the table shows.

With one bucket for everything (a real cloud), `create_container` answers with a prefix
that nobody else uses, `Container("bucket", "run-4f1c/")`; the kit puts it in front of
every key, and lists below it. Keys that arrive at the rig are whole keys.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from secrets import token_hex
from typing import Any, ClassVar, cast

import pytest

from labeldock.contract import (
    PROVIDER_GROUP,
    Purpose,
    SignedUrl,
    StorageProvider,
)
from labeldock.testing.answers import Answer

Options = Mapping[str, Any]
"""Settings of a storage by the names on the wire, secrets in the clear."""

DOTS = frozenset({".", ".."})


class NotApplicable(Exception):
    """Raised by a rig: this situation cannot exist here, for the reason given."""


@dataclass(frozen=True, slots=True)
class Container:
    """A place for the objects of one scenario, empty at its start.

    Attributes:
        name: of the bucket, container or folder; for the rig alone.
        prefix: what every key of the scenario begins with; "" if it has the container
            for itself.
    """

    name: str
    prefix: str = ""


class ProviderRig(ABC):
    """How the kit gets at one provider and the storage behind it.

    One object serves all scenarios of a suite class. The class attributes are to be
    overridden where they do not fit.
    """

    provider_name: ClassVar[str] = ""
    """The name of the provider's installed entry point."""

    title: ClassVar[str] = ""
    """The heading in the support table; "" for the provider's name."""

    known_faults: ClassVar[Mapping[str, str]] = {}
    """Faults of the server that stands in for the real one: scenario id -> reason, with
    a link. Each becomes a strict expected failure. For a fault of the provider there is
    no such thing."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Further texts that must never show; those in secret settings are known."""

    folders: ClassVar[bool] = False
    """Keys are paths of files: there cannot be both `a` and `a/b`."""

    stores_types: ClassVar[bool] = True
    """The storage keeps the content type that an object was written with."""

    max_page: ClassVar[int] = 1000
    """How many objects the server gives in one page at most."""

    bulk: ClassVar[int] = 10_001
    """How many objects the largest listing has; fewer where writing them is slow, but
    more than `max_page`."""

    large: ClassVar[int] = 9 * 2**20 + 1
    """The size of a large object: one that the provider writes in parts."""

    examples: ClassVar[int] = 25
    """How many examples each property is tried with."""

    patience: ClassVar[float] = 15.0
    """Within how many seconds an operation gives up a dead server."""

    shortest_ttl: ClassVar[float] = 1.0
    """The shortest life of a signed URL, in seconds."""

    throttled: ClassVar[Answer] = Answer(429, {"Retry-After": "1"})
    """What the server answers when it is asked too often."""

    retry_after: ClassVar[float | None] = 1.0
    """The seconds that `throttled` names; None if it names none."""

    # The life of the rig

    def start(self, request: pytest.FixtureRequest) -> None:  # noqa: B027  optional
        """Get ready, once per suite class.

        Args:
            request: for fixtures of the session: `request.getfixturevalue("server")`.
        """

    def stop(self) -> None:  # noqa: B027  optional
        """Put away what `start` made."""

    def hold_scenario(self) -> AbstractContextManager[object]:
        """A context around each scenario, e.g. to drop privileges."""
        return nullcontext()

    def build_provider(self) -> StorageProvider:
        """A provider object of its own: what the installed entry point leads to."""
        found = entry_points(group=PROVIDER_GROUP, name=self.provider_name)
        if not found:
            pytest.fail(f"no installed provider has the name {self.provider_name!r}")
        (entry,) = found
        # A new object, so that no scenario finds what another one left in a cache.
        return cast("StorageProvider", type(entry.load())())

    def build_environment(self) -> Mapping[str, str]:
        """Variables that the operator's settings for the provider are read from."""
        return {}

    # A storage, and the way around the provider

    @abstractmethod
    def create_container(self) -> Container:
        """A new, empty container."""

    def remove_container(self, container: Container) -> None:
        """Remove it with all that is in it; needed where nobody else does."""
        del container

    @abstractmethod
    def build_options(self, container: Container, purpose: Purpose) -> Options:
        """Settings that connect the container, with every permission."""

    @abstractmethod
    def put_object(
        self, container: Container, key: str, data: bytes, content_type: str
    ) -> None:
        """Put an object there, or overwrite it, behind the provider's back."""

    @abstractmethod
    def read_object(self, container: Container, key: str) -> bytes | None:
        """The bytes of an object, None if there is none, behind the provider's back."""

    @abstractmethod
    def remove_object(self, container: Container, key: str) -> None:
        """Remove an object behind the provider's back."""

    def put_objects(self, container: Container, keys: Iterable[str]) -> None:
        """Put many small objects there; override it where there is a quick way."""
        for key in keys:
            self.put_object(container, key, b"0123456789", "text/plain")

    # Settings that lead into trouble

    @abstractmethod
    def missing_container(self, container: Container, purpose: Purpose) -> Options:
        """Settings that are right but for the container, which does not exist."""

    @abstractmethod
    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        """Settings whose credentials the storage does not know."""

    @abstractmethod
    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        """Settings whose credentials are known, and may neither list, read nor write.

        The container may have objects already.
        """

    @abstractmethod
    def read_only(self, container: Container, purpose: Purpose) -> Options:
        """Settings whose credentials may list and read, but not write or delete.

        The container may have objects already.
        """

    # A server behind a proxy that breaks things

    @property
    @abstractmethod
    def upstream(self) -> str:
        """The URL of the server, e.g. "http://127.0.0.1:9000".

        The kit puts a proxy in front of it that drops connections, answers 503, stalls
        and truncates.
        """

    @abstractmethod
    def proxied(self, container: Container, purpose: Purpose, url: str) -> Options:
        """Settings that connect the container through the proxy at this URL.

        With time limits and retries so short that every operation gives up within
        `patience`.
        """

    # What this provider's keys and URLs can be

    def is_legal(self, key: str) -> bool:
        """Whether the storage can hold such a key; if not, InvalidKey is expected."""
        del key
        return True

    def is_signable(self, key: str) -> bool:
        """Whether a URL can hold such a key; if not, InvalidKey is expected.

        Clients fold `.` and `..` out of a path before they ask.
        """
        return not DOTS.intersection(key.split("/"))

    def wait_until_expired(self, signed: SignedUrl) -> None:
        """Wait until a signed URL is not valid any more."""
        left = (signed.expires_at - datetime.now(UTC)).total_seconds()
        time.sleep(max(0, left) + 1.1)

    # For rigs to use

    @staticmethod
    def build_name() -> str:
        """A name for a container that no other has, legal in every cloud."""
        return f"kit-{token_hex(8)}"

    def is_proxied(self) -> bool:
        """Whether there is a server to put a proxy in front of."""
        try:
            return bool(self.upstream)
        except NotApplicable:
            return False
