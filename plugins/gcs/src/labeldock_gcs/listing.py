"""Listing by the JSON API, from an offset instead of a token.

The cursor is the last key or prefix of a page, so it never expires: the next page
starts at it. An offset is inclusive, so what it names is left out again.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from labeldock.contract import (
    CursorExpired,
    ListQuery,
    ObjectInfo,
    ObjectPage,
    Unavailable,
    UnreadableObject,
)
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.errors import LISTING, translate_errors
from labeldock_gcs.keys import check_text

_AFTER: Final = "after:"
_FROM: Final = "from:"
_MAX_PAGE: Final = 1000
_MAX_EMPTY: Final = 100
_FIELDS: Final = (
    "items(name,size,generation,updated,contentType),prefixes,nextPageToken"
)


class Bounds(NamedTuple):
    """What to list: keys from `start` on but not `start` itself if `is_exclusive`."""

    start: str
    is_exclusive: bool


class Found(NamedTuple):
    """Entries of one answer, and where more of them are."""

    blobs: list[Any]  # of the SDK
    prefixes: list[str]
    token: str | None


def list_page(client: GcsClient, query: ListQuery) -> ObjectPage:
    """One page of a bucket, in key order.

    Raises:
        CursorExpired: the cursor is not one of ours.
        InvalidKey: prefix or bounds are not UTF-8.
        Unavailable: the server gives nothing but empty pages.
    """
    bounds = _find_bounds(query)
    check_text(query.prefix + bounds.start)
    token: str | None = None
    for _ in range(_MAX_EMPTY):  # the server may leave a page empty and go on
        found = _fetch(client, query, bounds, token)
        if found.blobs or found.prefixes or found.token is None:
            return _build_page(client, query, found)
        token = found.token
    raise Unavailable("The server gives nothing but empty pages.")


def _find_bounds(query: ListQuery) -> Bounds:
    cursor = query.cursor
    if cursor is None:
        return Bounds(query.after_key or "", bool(query.after_key))
    if cursor.startswith(_AFTER):
        return Bounds(cursor.removeprefix(_AFTER), is_exclusive=True)
    if cursor.startswith(_FROM):
        return Bounds(cursor.removeprefix(_FROM), is_exclusive=False)
    raise CursorExpired("The cursor is not one of this provider.")


def _fetch(
    client: GcsClient, query: ListQuery, bounds: Bounds, token: str | None
) -> Found:
    extra = 1 if bounds.is_exclusive else 0
    with translate_errors(LISTING):
        entries = client.api.list_blobs(
            client.bucket,
            prefix=query.prefix or None,
            delimiter=query.delimiter,
            start_offset=bounds.start or None,
            page_size=min(query.limit + extra, _MAX_PAGE),
            page_token=token,
            fields=_FIELDS,
            **client.limits(),
        )
        page = next(entries.pages)
        blobs = list(page)
    if extra and blobs and blobs[0].name == bounds.start:
        del blobs[0]
    return Found(blobs, list(page.prefixes), entries.next_page_token)


def _build_page(client: GcsClient, query: ListQuery, found: Found) -> ObjectPage:
    """The entries of an answer that fit the query, at most as many as it asks for."""
    names = sorted([*(blob.name for blob in found.blobs), *found.prefixes])
    is_more = found.token is not None or len(names) > query.limit
    names = names[: query.limit]
    last = names[-1] if names else ""
    upto = query.upto_key
    if upto is not None and last >= upto:
        is_more = False
    highest = last if upto is None else min(last, upto)
    prefixes = [prefix for prefix in found.prefixes if prefix <= highest]
    blobs = [blob for blob in found.blobs if blob.name <= highest]
    return ObjectPage(
        objects=tuple(_build_info(blob) for blob in blobs if "\0" not in blob.name),
        prefixes=tuple(p for p in prefixes if _is_met(client, query, p)),
        unreadable=tuple(
            UnreadableObject(blob.name.replace("\0", "%00"), "The key holds U+0000.")
            for blob in blobs
            if "\0" in blob.name
        ),
        cursor=_build_cursor(last, found) if is_more else None,
    )


def _build_info(blob: Any) -> ObjectInfo:
    return ObjectInfo(
        blob.name, blob.size, str(blob.generation), blob.updated, blob.content_type
    )


def _build_cursor(last: str, found: Found) -> str:
    """After a prefix comes the lowest key that does not begin with it."""
    if last in found.prefixes:
        return f"{_FROM}{last[:-1]}{_find_next(last[-1])}"
    return _AFTER + last


def _find_next(character: str) -> str:
    code = ord(character) + 1
    return chr(0xE000 if code == 0xD800 else code)  # surrogates are no characters


def _is_met(client: GcsClient, query: ListQuery, prefix: str) -> bool:
    """Whether a key below a prefix lies between the query's bounds.

    The server says so for the lower one, but counts the key that is to be left out.
    """
    after, upto = query.after_key or "", query.upto_key or ""
    if not after.startswith(prefix) and not upto.startswith(prefix):
        return True
    below = ListQuery(prefix, after_key=query.after_key, limit=1)
    page = list_page(client, below)
    return bool(page.objects) and not (upto and page.objects[0].key > upto)
