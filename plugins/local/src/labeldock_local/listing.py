"""Listing one page of objects."""

from __future__ import annotations

from labeldock.contract import ListQuery, NotSupported, ObjectPage, StorageRef
from labeldock_local.cursors import Cursor, begin_cursor, parse_cursor, render_cursor
from labeldock_local.errors import FOLDER, translate_errors
from labeldock_local.folders import open_storage
from labeldock_local.keys import KeyRange, build_range, encode_bound
from labeldock_local.options import LocalOptions
from labeldock_local.pages import Page, Plan
from labeldock_local.snapshots import SnapshotCache, listing_key
from labeldock_local.walking import Walk


def list_page(
    storage: StorageRef, query: ListQuery, cache: SnapshotCache
) -> ObjectPage:
    """One page of the storage's objects, in key order.

    Raises:
        NotSupported: the delimiter is another than "/".
        CursorExpired: the cursor is not one of ours.
    """
    if query.delimiter not in {None, "/"}:
        raise NotSupported(
            f"Local files are listed with the delimiter '/', not {query.delimiter!r}."
        )
    plan, cursor = _build_plan(query)
    path = storage.options_as(LocalOptions).path
    with (
        open_storage(storage) as base,
        translate_errors(FOLDER, f"list the folder {path!r}", field="path"),
    ):
        return _list_from(base, plan, cursor, query.limit, cache)


def _build_plan(query: ListQuery) -> tuple[Plan, Cursor]:
    keys = build_range(query)
    prefix = encode_bound(query.prefix)
    if query.cursor is None:
        cursor = begin_cursor(keys.start)
    else:
        cursor = parse_cursor(query.cursor)
    keys = KeyRange(max(prefix, cursor.start), keys.end)
    return Plan(keys, prefix, folded=query.delimiter is not None), cursor


def _list_from(
    base: int, plan: Plan, cursor: Cursor, limit: int, cache: SnapshotCache
) -> ObjectPage:
    kept = listing_key(base, cursor.token)
    page = Page(room=max(1, limit))
    walk = Walk(base, b"", plan, cache, cache.get_names(kept))
    start = walk.fill(page)
    cache.save_names(kept, {} if start is None else walk.list_known())
    return ObjectPage(
        objects=tuple(page.objects),
        prefixes=tuple(page.prefixes),
        unreadable=tuple(page.unreadable),
        cursor=None if start is None else render_cursor(cursor._replace(start=start)),
    )
