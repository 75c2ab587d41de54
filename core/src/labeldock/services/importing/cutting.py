"""Cutting a page of a listing into stretches, each with what is known of its keys.

Where a provider's listing is in another order than that of the keys, a page is one
stretch and its links are looked up by key. Such a page says what is new and changed;
what has vanished is seen at the end of the walk (see `sweep`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final

from labeldock.contract.values import ObjectInfo, ObjectPage
from labeldock.services.context import AppContext
from labeldock.services.importing.beside import Beside
from labeldock.services.importing.difference import (
    Difference,
    LinkedObject,
    compare,
)
from labeldock.services.importing.glance import glance_at_links, is_as_known
from labeldock.services.importing.listing import Listed, find_start, keep_state
from labeldock.services.importing.pages import Failure, list_linked, list_linked_keys
from labeldock.services.importing.source import Source
from labeldock.services.leases import Lease

MAX_LINKS: Final = 10_000
MAX_CLOSED: Final = 100
"""Folders that cannot be entered and are kept in mind, if there is no order."""

_KEY: Final = attrgetter("key")
_HIGHEST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Objects in the order of their keys, what is known of them, and where they end.

    Attributes:
        after: the key above which they are; "" for the beginning.
        upto: the last key that they speak of, which is no later than the end of the
            page; None for all that follow.
        objects: the objects.
        linked: links of the same stretch of keys, or of the same keys.
        checkpoint: reached when all of it is committed.
        restart: the checkpoint while part of it is; None for the last key committed.
        closed: folders that could not be entered; what is known of them stays.
        is_known: whether all of the objects have been seen to be as they were; then
            `linked` has nothing.
        is_named: whether the objects were looked up by name, just now.
        beside: where a walk is that goes on beside that; None if there is none.
    """

    after: str
    upto: str | None
    objects: Sequence[ObjectInfo]
    linked: Sequence[LinkedObject]
    checkpoint: dict[str, Any]
    restart: dict[str, Any] | None = None
    closed: tuple[str, ...] = ()
    is_known: bool = False
    is_named: bool = False
    beside: Beside | None = None


def cut_page(
    app: AppContext, lease: Lease, source: Source, listed: Listed
) -> Iterator[Stretch]:
    """The stretches of a page, each with what is known of it."""
    cut = _iterate_stretches if source.is_ordered else _look_up
    return cut(app, lease, source, listed)


def compare_stretch(
    source: Source, stretch: Stretch
) -> tuple[Sequence[ObjectInfo], Difference]:
    """The objects of a stretch that count, and what is new and changed about them."""
    admitted = source.choose(stretch.objects)
    if stretch.is_known:
        return admitted, Difference(existed=[(info.key, 1) for info in admitted])
    return admitted, compare(admitted, _relevant(source, stretch, admitted))


def _iterate_stretches(
    app: AppContext, lease: Lease, source: Source, listed: Listed
) -> Iterator[Stretch]:
    """Cut a page where its links would be too many to hold."""
    page, after = listed.page, find_start(lease)
    objects, before = page.objects, keep_state(lease.checkpoint)
    closed = _list_closed(page)
    end, upto = _find_end(lease, source, listed, _last_key(page, closed) or after)
    if source.is_blob and objects:
        # One link more than there are objects is enough to see that there are others.
        most = len(objects) + 1
        known = glance_at_links(app, lease.storage_id, (after, upto), most)
        is_known = is_as_known(objects, known)
        if is_known or not known:
            whole = Stretch(after or "", upto, objects, (), end, closed=closed)
            yield replace(whole, is_known=is_known)
            return
    while True:
        linked = list_linked(
            app,
            lease.storage_id,
            (after, upto),
            limit=MAX_LINKS,
            is_blob=source.is_blob,
        )
        if len(linked) < MAX_LINKS:
            yield Stretch(after or "", upto, objects, linked, end, closed=closed)
            return
        last = linked[-1].key
        cut = bisect_right(objects, last, key=_KEY)
        reached = {**before, "scope": source.scope, "after": last}
        head = objects[:cut]
        yield Stretch(after or "", last, head, linked, reached, closed=closed)
        after, objects = last, objects[cut:]


def _list_closed(page: ObjectPage) -> tuple[str, ...]:
    return tuple(e.name for e in page.unreadable if e.name.endswith("/"))


def _find_end(
    lease: Lease, source: Source, listed: Listed, last: str | None
) -> tuple[dict[str, Any], str | None]:
    """The checkpoint after a page, and the last key that it speaks of."""
    end: dict[str, Any] = {**listed.state, "scope": source.scope, "after": last}
    bound = lease.part.upto if lease.part else None
    if listed.page.cursor is None:  # all that follows, up to the end of a part
        return {**end, "cursor": None, "is_listed": True}, bound
    last = last or ""
    upto = last if bound is None else min(last, bound)
    return {**end, "cursor": listed.page.cursor}, upto


def _last_key(page: ObjectPage, closed: Iterable[str]) -> str:
    """The key that a page of an ordered listing reaches; "" for an empty one."""
    last = page.objects[-1].key if page.objects else ""
    prefix = page.prefixes[-1] if page.prefixes else ""
    return max(last, prefix, *(folder + _HIGHEST for folder in closed))


def _look_up(
    app: AppContext, lease: Lease, source: Source, listed: Listed
) -> Iterator[Stretch]:
    """A page of a listing in some other order, as one stretch."""
    page = listed.page
    objects = sorted({info.key: info for info in page.objects}.values(), key=_KEY)
    linked = list_linked_keys(app, lease.storage_id, [info.key for info in objects])
    end: dict[str, Any] = {**listed.state, "scope": source.scope}
    end |= {"cursor": page.cursor} if page.cursor else {"is_listed": True}
    if closed := _list_closed(page):
        end["closed"] = [*end.get("closed", ()), *closed][: MAX_CLOSED + 1]
    yield Stretch("", None, objects, linked, end, restart=lease.checkpoint)


def _relevant(
    source: Source, stretch: Stretch, admitted: Sequence[ObjectInfo]
) -> Iterable[LinkedObject]:
    """The links that this listing can speak of; one that is filtered out is there."""
    dropped = set()
    if len(admitted) != len(stretch.objects):
        listed = {info.key for info in stretch.objects}
        dropped = listed - {info.key for info in admitted}
    elif not stretch.closed and source.covers_all(stretch.linked):
        return stretch.linked
    return (
        link
        for link in stretch.linked
        if link.key not in dropped
        and source.looks_at(link)
        and not link.key.startswith(stretch.closed)
    )


def list_unreadable(page: ObjectPage) -> Iterator[Failure]:
    """Entries of a page that cannot be objects."""
    for entry in page.unreadable:
        remedy = "Rename it to valid UTF-8 without U+0000."
        yield Failure(None, entry.name, -1, "unreadable_name", entry.reason, remedy)
