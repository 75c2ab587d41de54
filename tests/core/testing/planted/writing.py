"""Wrong saving and deleting."""

from __future__ import annotations

import time
from dataclasses import replace

from labeldock.contract import (
    ALWAYS,
    AccessDenied,
    BytesContent,
    ContainerNotFound,
    DeleteRequest,
    Deletion,
    InvalidKey,
    ObjectNotFound,
    PreconditionFailed,
    SavedObject,
    WriteRequest,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider
from labeldock.testing.memory_bucket import Bucket, build_object
from tests.core.testing.planted import plant
from tests.core.testing.shelf.provider import ShelfProvider

PART = 8 * 2**20


def read(request):
    with request.content.open() as stream:
        return stream.read()


@plant("A1")
class SavedNowhere(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        return SavedObject("etag")


@plant("A2")
class SavedBesideTheOld(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        bucket = self._find_bucket(storage)
        while request.key in bucket._objects:
            request = replace(request, key=request.key + ".1")
        return super().save_annotation(storage, request)


@plant("A3")
class StaleETagAccepted(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        if request.condition.etag:
            request = replace(request, condition=ALWAYS)
        return super().save_annotation(storage, request)


@plant("A4")
class SavedInHalves(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        data = read(request)
        self.save_part(storage, request, data[:25_000])
        time.sleep((80 - data[0]) * 0.005)  # who comes first is last
        found = self._find_bucket(storage).find(request.key).data
        return self.save_part(storage, request, found[:25_000] + data[25_000:])

    def save_part(self, storage, request, data):
        part = replace(request, content=BytesContent(data))
        return super().save_annotation(storage, part)


@plant("A5")
class AlwaysExisted(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        super().delete_annotation(storage, request)
        return Deletion(existed=True)


@plant("A6")
class MissingIsAnError(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        if not super().delete_annotation(storage, request).existed:
            raise ObjectNotFound("there is none", key=request.key)
        return Deletion(existed=True)


@plant("A7")
class HalfIsSaved(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        data = request.content.open().read(10)
        part = replace(request, content=BytesContent(data))
        super().save_annotation(storage, part)
        return super().save_annotation(storage, request)


@plant("A8")
class FirstPartOnly(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        part = BytesContent(read(request)[:PART])
        return super().save_annotation(storage, replace(request, content=part))


@plant("A9")
class SiblingsDeleted(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        for key in list(self._find_bucket(storage)._keys):
            if key.startswith(request.key):
                super().delete_annotation(storage, DeleteRequest(key))
        return Deletion(existed=True)


@plant("A10")
class OneBucketForAll(MemoryProvider):
    everything = Bucket()

    def _find_bucket(self, storage):
        return self.everything


@plant("A11")
class AbsentIgnored(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        if request.condition.absent:
            request = replace(request, condition=ALWAYS)
        return super().save_annotation(storage, request)


@plant("A12")
class NothingMatchesAnything(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        if request.key not in self._find_bucket(storage)._objects:
            request = replace(request, condition=ALWAYS)
        return super().save_annotation(storage, request)


class CheckThenAct(MemoryProvider):
    """Checks the condition itself, and then writes."""

    @hookimpl
    def save_annotation(self, storage, request):
        self._find_bucket(storage)._check(request.key, request.condition)
        time.sleep(0.05)
        return super().save_annotation(storage, replace(request, condition=ALWAYS))


@plant("A13")
class CheckThenCreate(CheckThenAct):
    pass


@plant("A14")
class CheckThenOverwrite(CheckThenAct):
    pass


@plant("A15")
class ContentTypeDropped(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        plain = replace(request, content_type="application/octet-stream")
        return super().save_annotation(storage, plain)


@plant("A16")
class ETagInQuotes(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        saved = super().save_annotation(storage, request)
        return SavedObject(f'"{saved.etag}"')


@plant("A17", examples=50)
class EmptyOverwriteForgotten(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        saved = build_object(request)
        if request.key in self._find_bucket(storage)._objects and not saved.data:
            return SavedObject(saved.info.etag)
        return super().save_annotation(storage, request)


@plant("A18")
class ForbiddenAsInvalid(ShelfProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        try:
            return super().save_annotation(storage, request)
        except AccessDenied:
            raise InvalidKey("not here", key=request.key) from None


@plant("A19")
class UnknownTokenAsMissing(ShelfProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        if storage.options.token.get_secret_value() == "token-unknown":
            return Deletion(existed=False)
        return super().delete_annotation(storage, request)


@plant("A20")
class EmptyIsNothing(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        if not request.content.size:
            return SavedObject("etag")
        return super().save_annotation(storage, request)


@plant("A21")
class TrailingSpaceLost(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        return super().save_annotation(
            storage, replace(request, key=request.key.strip())
        )


@plant("A22")
class AnyKeyTaken(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        key = request.key.replace("\0", "")[:1024] or "unnamed"
        key = key.encode(errors="replace").decode()
        return super().save_annotation(storage, replace(request, key=key))


@plant("A23")
class ListedLater(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        bucket = self._find_bucket(storage)
        if not hasattr(bucket, "seen"):
            bucket.seen = set()
        found = tuple(o for o in page.objects if o.key in bucket.seen)
        bucket.seen |= {o.key for o in page.objects}
        return replace(page, objects=found)


@plant("A24")
class DeletedWhateverTheETag(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        return super().delete_annotation(storage, DeleteRequest(request.key))


@plant("A25")
class NeverDeletedByETag(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        if request.condition.etag:
            raise PreconditionFailed("changed", key=request.key)
        return super().delete_annotation(storage, request)


@plant("A26")
class ETagOfTheProvider(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        stored = self._find_bucket(storage)._objects.get(request.key)
        if request.condition.etag and stored and b"another" in stored.data:
            raise PreconditionFailed("not by me", key=request.key)
        return super().save_annotation(storage, request)


@plant("A27", examples=100)
class AsciiOnly(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        if not request.key.isascii():
            raise InvalidKey("beyond ASCII", key=request.key)
        return super().save_annotation(storage, request)


@plant("E1")
class BucketMadeOnTheWay(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        try:
            return super().save_annotation(storage, request)
        except ContainerNotFound:
            return SavedObject("etag")


@plant("E6")
class SharedState(MemoryProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        self.current = request.key
        data = BytesContent(read(request))
        time.sleep(0.01)
        later = WriteRequest(self.current, data, request.content_type)
        return super().save_annotation(storage, later)
