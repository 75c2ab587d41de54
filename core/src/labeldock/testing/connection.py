"""A connected storage as a scenario sees it: keys without the container's prefix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from labeldock.contract import (
    ALWAYS,
    ByteRange,
    BytesContent,
    Condition,
    ContentSource,
    DeleteRequest,
    Deletion,
    ListQuery,
    ObjectBody,
    ObjectInfo,
    ObjectPage,
    PresignRequest,
    Purpose,
    ReadRequest,
    SavedObject,
    SignedUrl,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
)
from labeldock.host import BoundProvider

BLOCK: Final = 64 * 1024
MINUTE: Final = timedelta(minutes=1)


class Connection:
    """A provider behind the guard, and one container connected for both purposes.

    Attributes:
        provider: the provider.
        refs: the storage for each purpose.
        prefix: what stands before every key.
    """

    def __init__(
        self,
        provider: BoundProvider,
        refs: Mapping[Purpose, StorageRef],
        prefix: str = "",
    ) -> None:
        self.provider = provider
        self.refs = refs
        self.prefix = prefix

    @property
    def source(self) -> StorageRef:
        """The storage, connected for import."""
        return self.refs[Purpose.IMPORT]

    @property
    def target(self) -> StorageRef:
        """The storage, connected for export."""
        return self.refs[Purpose.EXPORT]

    # Listing

    def list_page(self, query: ListQuery) -> ObjectPage:
        """One page; keys in the query and in the page are without the prefix."""
        page = self.provider.list_objects(self.source, self._prepend(query))
        return replace(
            page,
            objects=tuple(o._replace(key=self._strip(o.key)) for o in page.objects),
            prefixes=tuple(map(self._strip, page.prefixes)),
        )

    def list_pages(self, query: ListQuery) -> Iterator[ObjectPage]:
        """Every page from the query on."""
        seen: set[str] = set()
        while True:
            page = self.list_page(query)
            yield page
            if page.cursor is None:
                return
            assert page.cursor not in seen, "the listing came back to a cursor"
            seen.add(page.cursor)
            query = replace(query, cursor=page.cursor)

    def list_objects(self, query: ListQuery = ListQuery()) -> list[ObjectInfo]:  # noqa: B008  frozen
        """The objects of all pages."""
        return [found for page in self.list_pages(query) for found in page.objects]

    def list_keys(self, query: ListQuery = ListQuery()) -> list[str]:  # noqa: B008  frozen
        """The keys of all pages."""
        return [found.key for found in self.list_objects(query)]

    # Reading

    def open(self, request: ReadRequest) -> ObjectBody:
        """The body, which the caller closes."""
        whole = replace(request, key=self.prefix + request.key)
        return self.provider.get_data(self.source, whole)

    def read(self, key: str, byte_range: ByteRange | None = None) -> bytes:
        """The bytes of an object, or of a part of it."""
        return self.read_as(ReadRequest(key, byte_range))

    def read_as(self, request: ReadRequest) -> bytes:
        """The bytes that a request gives."""
        body = self.open(request)
        try:
            return b"".join(iter(lambda: body.reader.read(BLOCK), b""))
        finally:
            body.reader.close()

    def get_info(self, key: str) -> ObjectInfo:
        """What one metadata request tells."""
        body = self.open(ReadRequest(key, metadata_only=True))
        body.reader.close()
        return body.info._replace(key=self._strip(body.info.key))

    # Signing

    def presign(self, key: str, ttl: timedelta = MINUTE) -> SignedUrl:
        """A signed URL of an object."""
        return self.presign_as(PresignRequest(key, ttl))

    def presign_as(self, request: PresignRequest) -> SignedUrl:
        """The signed URL that a request gives."""
        whole = replace(request, key=self.prefix + request.key)
        return self.provider.presign(self.source, whole)

    # Writing

    def save(
        self,
        key: str,
        content: bytes | ContentSource = b"{}",
        *,
        content_type: str = "application/json",
        condition: Condition = ALWAYS,
    ) -> SavedObject:
        """Save an object."""
        data = BytesContent(content) if isinstance(content, bytes) else content
        request = WriteRequest(self.prefix + key, data, content_type, condition)
        return self.provider.save_annotation(self.target, request)

    def delete(self, key: str, condition: Condition = ALWAYS) -> Deletion:
        """Delete an object."""
        request = DeleteRequest(self.prefix + key, condition)
        return self.provider.delete_annotation(self.target, request)

    # Checking

    def validate(
        self,
        purpose: Purpose,
        request: ValidateRequest = ValidateRequest(),  # noqa: B008  frozen
    ) -> ValidationReport:
        """Check the storage for a purpose."""
        whole = replace(request, prefix=self.prefix + request.prefix)
        return self.provider.validate(self.refs[purpose], whole)

    def _prepend(self, query: ListQuery) -> ListQuery:
        if not self.prefix:
            return query
        return replace(
            query,
            prefix=self.prefix + query.prefix,
            after_key=self._prepend_bound(query.after_key),
            upto_key=self._prepend_bound(query.upto_key),
        )

    def _prepend_bound(self, bound: str | None) -> str | None:
        return None if bound is None else self.prefix + bound

    def _strip(self, key: str) -> str:
        assert key.startswith(self.prefix), "a key of another place was given"
        return key.removeprefix(self.prefix)
