"""Does a page of a listing answer the query? Per page, not per item."""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt

from labeldock.contract import Capabilities, ListQuery, ObjectPage
from labeldock.host.guard import Call, expect


def check_page(
    call: Call, page: ObjectPage, query: ListQuery, capabilities: Capabilities
) -> ObjectPage:
    """The page, if an import can rely on it.

    Raises:
        ContractViolation: it is out of order or bounds, too long, or leads nowhere.
    """
    for names in (page.objects, page.prefixes, page.unreadable):
        expect(call, names, tuple)  # a generator would be empty once it was checked
    keys = [item.key for item in page.objects]
    _check_size(call, page, query)
    _check_texts(call, keys)
    _check_texts(call, page.prefixes)
    _check_texts(call, [entry.name for entry in page.unreadable])
    if capabilities.ordered:
        _check_order(call, keys)
        _check_order(call, page.prefixes)
    if keys:
        _check_bounds(call, (keys[0], keys[-1]), query, capabilities)
    _check_prefixes(call, page.prefixes, query)
    return page


def _check_size(call: Call, page: ObjectPage, query: ListQuery) -> None:
    count = len(page.objects) + len(page.prefixes)
    if count > query.limit:
        raise call.violation(f"returned {count} entries, the limit was {query.limit}")
    is_empty = not (count or page.unreadable)
    if is_empty and page.cursor is not None and page.cursor == query.cursor:
        raise call.violation("returned an empty page and the same cursor again")


def _check_texts(call: Call, names: Sequence[str]) -> None:
    """Names that no database can hold belong into `unreadable`."""
    try:
        joined = "".join(names)
        joined.encode()
    except (TypeError, UnicodeEncodeError):
        raise call.violation("returned a key that is not UTF-8 text") from None
    if "\0" in joined:
        raise call.violation("returned a key that holds U+0000")


def _check_order(call: Call, names: Sequence[str]) -> None:
    # Python compares text by code point, and UTF-8 was made so that its bytes sort in
    # that same order: there is no need to encode every key.
    if not all(map(lt, names, names[1:])):
        raise call.violation("returned names that are not strictly ascending")


def _check_bounds(
    call: Call, ends: tuple[str, str], query: ListQuery, capabilities: Capabilities
) -> None:
    # In an ordered page everything lies between the first and the last key, so a prefix
    # that both have is one that all have.
    if not all(key.startswith(query.prefix) for key in ends):
        raise call.violation("returned a key outside the prefix")
    if query.upto_key is not None and max(ends) > query.upto_key:
        raise call.violation("returned a key beyond upto_key")
    starts_at_key = query.after_key is not None and query.cursor is None
    if starts_at_key and capabilities.seekable and min(ends) <= str(query.after_key):
        raise call.violation("returned a key at or before after_key")


def _check_prefixes(call: Call, prefixes: Sequence[str], query: ListQuery) -> None:
    if not prefixes:
        return
    if query.delimiter is None:
        raise call.violation("returned prefixes without having been given a delimiter")
    for prefix in (prefixes[0], prefixes[-1]):
        if not (prefix.startswith(query.prefix) and prefix.endswith(query.delimiter)):
            raise call.violation("returned a prefix that does not fit the query")
