"""The rig of the memory provider: the smallest one there is."""

from __future__ import annotations

from typing import ClassVar

from labeldock.contract import (
    ALWAYS,
    BytesContent,
    ObjectNotFound,
    Purpose,
    StorageProvider,
    WriteRequest,
)
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.memory_bucket import Bucket, build_object
from labeldock.testing.rig import Container, NotApplicable, Options, ProviderRig

NO_SERVER = "there is no server, and nobody who could be refused"


class MemoryRig(ProviderRig):
    """Objects in this process; what is behind the provider's back is its own state."""

    provider_name = "memory"
    provider_class: ClassVar[type[MemoryProvider]] = MemoryProvider

    def __init__(self) -> None:
        self.provider = self.provider_class()

    def build_provider(self) -> StorageProvider:
        """Always the same one, since it holds the objects; it is not installed."""
        return self.provider

    def create_container(self) -> Container:
        """A new bucket."""
        name = self.build_name()
        self.provider.create_bucket(name)
        return Container(name)

    def build_options(self, container: Container, purpose: Purpose) -> Options:
        """The one setting that there is."""
        del purpose
        return {"bucket": container.name}

    def put_object(
        self, container: Container, key: str, data: bytes, content_type: str
    ) -> None:
        """Put it into the bucket."""
        request = WriteRequest(key, BytesContent(data), content_type)
        self._find(container).save(build_object(request), ALWAYS)

    def read_object(self, container: Container, key: str) -> bytes | None:
        """Take it out of the bucket."""
        try:
            return self._find(container).find(key).data
        except ObjectNotFound:
            return None

    def remove_object(self, container: Container, key: str) -> None:
        """Remove it from the bucket."""
        self._find(container).delete(key, ALWAYS)

    def missing_container(self, container: Container, purpose: Purpose) -> Options:
        """A bucket that was never made."""
        del container, purpose
        return {"bucket": "none"}

    def wrong_credentials(self, container: Container, purpose: Purpose) -> Options:
        """Nobody has to say who they are."""
        del container, purpose
        raise NotApplicable(NO_SERVER)

    def no_permission(self, container: Container, purpose: Purpose) -> Options:
        """Everybody may do everything."""
        del container, purpose
        raise NotApplicable(NO_SERVER)

    def read_only(self, container: Container, purpose: Purpose) -> Options:
        """Everybody may do everything."""
        del container, purpose
        raise NotApplicable(NO_SERVER)

    @property
    def upstream(self) -> str:
        """Nothing goes over a network."""
        raise NotApplicable(NO_SERVER)

    def proxied(self, container: Container, purpose: Purpose, url: str) -> Options:
        """Nothing goes over a network."""
        del container, purpose, url
        raise NotApplicable(NO_SERVER)

    def _find(self, container: Container) -> Bucket:
        return self.provider.get_bucket(container.name)
