"""Wrong listings."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from labeldock.contract import (
    Capabilities,
    ListQuery,
    NotSupported,
    ObjectPage,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider
from tests.core.testing.planted import plant
from tests.core.testing.shelf.provider import ShelfProvider

EVERYTHING = ListQuery(limit=10**6)


def map_keys(page, change):
    objects = tuple(o._replace(key=change(o.key)) for o in page.objects)
    return replace(page, objects=objects)


@plant("L1")
class EmptyPageWithCursor(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        return page if page.objects else replace(page, cursor="more?")


@plant("L2")
class NoneForAPage(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        super().list_objects(storage, query)


@plant("L3")
class PrefixAsSubstring(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, EVERYTHING)
        found = tuple(o for o in page.objects if query.prefix in o.key)
        return ObjectPage(found)


@plant("L3")
class PrefixAsFolder(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        folder = query.prefix and query.prefix.rstrip("/") + "/"
        return super().list_objects(storage, replace(query, prefix=folder))


@plant("L4")
class RepeatedPage(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        first = super().list_objects(storage, replace(query, cursor=None))
        return replace(page, objects=first.objects)


@plant("L5")
class CursorAfterTheLastPage(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        return page if page.cursor else replace(page, cursor=query.cursor)


@plant("L6")
class CrashOnUnknownCursor(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        if query.cursor is not None:
            int(query.cursor)
        return super().list_objects(storage, query)


@plant("L7")
class QuotedKeys(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, EVERYTHING)
        objects = [o._replace(key=quote(o.key)) for o in page.objects]
        return ObjectPage(tuple(sorted(objects)))


class OffsetCursor(MemoryProvider):
    """Counts objects instead of remembering a key."""

    @hookimpl
    def list_objects(self, storage, query):
        objects = super().list_objects(storage, EVERYTHING).objects
        start = int(query.cursor or 0)
        end = start + query.limit
        cursor = str(end) if end < len(objects) else None
        return ObjectPage(objects[start:end], cursor=cursor)


@plant("L8")
class OffsetCursorAndDeletion(OffsetCursor):
    pass


@plant("L17")
class OffsetCursorAndAddition(OffsetCursor):
    pass


@plant("L9")
class OutOfOrder(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        return replace(page, objects=page.objects[::-1])


@plant("L10")
class FirstPageOnly(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        return replace(page, cursor=None)


@plant("L11")
class AfterKeyIncluded(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        if query.after_key is None or query.cursor:
            return super().list_objects(storage, query)
        return super().list_objects(
            storage, replace(query, after_key=None, cursor=query.after_key)
        )


@plant("L12")
class UptoKeyExcluded(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        found = tuple(o for o in page.objects if o.key != query.upto_key)
        return replace(page, objects=found)


@plant("L13")
class DelimiterIgnored(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        return super().list_objects(storage, replace(query, delimiter=None))


@plant("L14")
class PrefixOnEveryPage(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        flat = replace(query, delimiter=None)
        page = super().list_objects(storage, flat)
        deep = {o.key.partition("/")[0] + "/" for o in page.objects if "/" in o.key}
        found = tuple(o for o in page.objects if "/" not in o.key)
        return replace(page, objects=found, prefixes=tuple(sorted(deep)))


@plant("L15")
class FolderMarkersHidden(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        found = tuple(o for o in page.objects if not o.key.endswith("/"))
        return replace(page, objects=found)


@plant("L16")
class QuotedETags(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        found = tuple(o._replace(etag=f'"{o.etag}"') for o in page.objects)
        return replace(page, objects=found)


@plant("L16")
class LocalTime(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        found = [
            o._replace(last_modified=o.last_modified.replace(tzinfo=None))
            for o in page.objects
        ]
        return replace(page, objects=tuple(found))


@plant("L18")
class CursorOfThisProcess(ShelfProvider):
    def __init__(self):
        self.cursors = {}

    @hookimpl
    def list_objects(self, storage, query):
        if query.cursor is not None:
            query = replace(query, cursor=self.cursors[query.cursor])
        page = super().list_objects(storage, query)
        name = str(len(self.cursors))
        self.cursors[name] = page.cursor
        return page if page.cursor is None else replace(page, cursor=name)


@plant("L19")
class StaleListing(MemoryProvider):
    def __init__(self):
        super().__init__()
        self.kept = {}

    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        return self.kept.setdefault((storage.fingerprint, query), page)


@plant("L20", examples=100)
class LastOfALevelForgotten(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, query)
        is_odd = query.prefix != "" and len(page.objects) == 1
        return replace(page, objects=()) if is_odd else page


@plant("L20", examples=50)
class OrderOfUtf16(MemoryProvider):
    @hookimpl
    def list_objects(self, storage, query):
        page = super().list_objects(storage, EVERYTHING)
        found = sorted(page.objects, key=lambda o: o.key.encode("utf-16-be"))
        found = [o for o in found if o.key.startswith(query.prefix)]
        return ObjectPage(tuple(found))


@plant("L21")
class UnknownTokenAsEmpty(ShelfProvider):
    @hookimpl
    def list_objects(self, storage, query):
        token = storage.options.token.get_secret_value()
        if token == "token-unknown":
            return ObjectPage(())
        return super().list_objects(storage, query)


@plant("L22")
class ForbiddenAsUnauthenticated(ShelfProvider):
    @hookimpl
    def list_objects(self, storage, query):
        if storage.options.token.get_secret_value() == "token-of-nobody":
            raise NotSupported("not permitted")
        return super().list_objects(storage, query)


@plant("L23")
class ClaimsLongerKeys(MemoryProvider):
    @hookimpl
    def describe(self):
        return replace(
            super().describe(), capabilities=Capabilities(max_key_bytes=2000)
        )
