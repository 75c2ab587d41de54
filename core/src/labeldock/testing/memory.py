"""A complete provider that keeps its objects in memory: the example to start from.

It shows how each operation is written, with no SDK in the way. The state belongs to the
provider object, so that every test can have one of its own.
"""

from __future__ import annotations

import io
from threading import Lock
from typing import TYPE_CHECKING, Final

from pydantic import Field

from labeldock.contract import (
    Availability,
    BytesContent,
    ContainerNotFound,
    DeleteRequest,
    Deletion,
    ListQuery,
    NotSupported,
    ObjectBody,
    ObjectPage,
    PreconditionFailed,
    PresignRequest,
    Problem,
    ProviderInfo,
    Purpose,
    ReadRequest,
    SavedObject,
    SignedUrl,
    Signing,
    StorageOptions,
    StorageProvider,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
    hookimpl,
)
from labeldock.testing.memory_bucket import Bucket, build_object

PROBE: Final = ".labeldock-probe"


class MemoryOptions(StorageOptions):
    """Settings of one storage."""

    bucket: str = Field(
        title="Bucket",
        description="Name of the bucket that holds the objects.",
        pattern=r"^[a-z0-9][a-z0-9.-]*$",
        max_length=63,
    )

    def base_uri(self) -> str:
        """What precedes the key in the URIs of this storage."""
        return f"memory://{self.bucket}/"


class MemoryProvider:
    """The provider; safe to call from many threads."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        # A condition and the write that depends on it have to be one step.
        self._lock = Lock()

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket, which no operation of the contract does."""
        with self._lock:
            self._buckets.setdefault(name, Bucket())

    def get_bucket(self, name: str) -> Bucket:
        """The bucket itself, for what happens behind the provider's back."""
        return self._buckets[name]

    @hookimpl
    def describe(self) -> ProviderInfo:
        """Say what the provider is and can do."""
        return ProviderInfo(
            name="memory",
            title="Memory",
            schemes=("memory",),
            import_options=MemoryOptions,
            export_options=MemoryOptions,
            signing=Signing.NONE,
        )

    @hookimpl
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> ValidationReport:
        """Check that the bucket is there, and holds or takes objects."""
        try:
            page = self.list_objects(storage, ListQuery(request.prefix, limit=1))
        except ContainerNotFound as error:
            problem = Problem("bucket", str(error), error.remedy)
            return ValidationReport(Availability.NOT_FOUND, (problem,))
        if storage.purpose is Purpose.IMPORT and not page.objects:
            message, remedy = "there is no object below it", "name another one"
            problem = Problem("prefix", message, remedy, code="empty")
            return ValidationReport(Availability.AVAILABLE, (problem,))
        if request.probe_write:
            self._probe_write(storage, request.prefix + PROBE)
        return ValidationReport(Availability.AVAILABLE)

    @hookimpl
    def list_objects(self, storage: StorageRef, query: ListQuery) -> ObjectPage:
        """List one page of objects."""
        with self._lock:
            return self._find_bucket(storage).list_page(query)

    @hookimpl
    def get_data(self, storage: StorageRef, request: ReadRequest) -> ObjectBody:
        """Open an object, or a range of it, for reading."""
        with self._lock:
            stored = self._find_bucket(storage).find(request.key)
        if request.if_match not in {None, stored.info.etag}:
            raise PreconditionFailed("the object has changed", key=request.key)
        if request.metadata_only:
            return ObjectBody(stored.info, None, io.BytesIO())
        return stored.open(request.byte_range)

    @hookimpl
    def presign(self, storage: StorageRef, request: PresignRequest) -> SignedUrl:
        """Refuse, as `signing` says: there is no URL that leads into this memory."""
        del storage  # it is the same for all
        raise NotSupported("objects in memory have no URLs", key=request.key)

    @hookimpl
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> SavedObject:
        """Write one object, whole or not at all."""
        stored = build_object(request)  # outside the lock: the content may be slow
        with self._lock:
            self._find_bucket(storage).save(stored, request.condition)
        return SavedObject(stored.info.etag)

    @hookimpl
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Deletion:
        """Delete one object and nothing else."""
        with self._lock:
            bucket = self._find_bucket(storage)
            return Deletion(existed=bucket.delete(request.key, request.condition))

    def _find_bucket(self, storage: StorageRef) -> Bucket:
        name = storage.options_as(MemoryOptions).bucket
        if name not in self._buckets:
            raise ContainerNotFound(
                f"there is no bucket {name!r}",
                field="bucket",
                remedy="create it, or name another one",
            )
        return self._buckets[name]

    def _probe_write(self, storage: StorageRef, key: str) -> None:
        content = BytesContent(b"")
        self.save_annotation(storage, WriteRequest(key, content, "text/plain"))
        self.delete_annotation(storage, DeleteRequest(key))


if TYPE_CHECKING:  # a type checker compares every signature with the contract's
    provider: StorageProvider = MemoryProvider()
