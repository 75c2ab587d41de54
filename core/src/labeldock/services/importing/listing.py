"""The pages of a walk, one after the other, whatever the server makes of it.

A listing may lose its cursor, give a page again, give empty pages, or go on for ever.
What can be put right is: a walk goes on from its last key. Otherwise it ends with an
error that says so. What has to be known for that lies in the checkpoint, so that it
holds over slices and workers.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Final

import structlog

from labeldock.contract.errors import CursorExpired, LabeldockError
from labeldock.contract.values import ListQuery, ObjectPage
from labeldock.services.context import AppContext
from labeldock.services.importing.pages import Failure
from labeldock.services.importing.source import Source
from labeldock.services.leases import Lease

MAX_EMPTY_PAGES: Final = 1000
MAX_RESTARTS: Final = 5
_STATE: Final = ("objects", "empty", "pages", "mark", "restarts", "has_repeated")
_KEPT: Final = (*_STATE, "shared", "closed")
_KEY: Final = attrgetter("key")
_log = structlog.get_logger(__name__)


class UnusableListing(LabeldockError):
    """The server's listing leads nowhere; what was listed until then is imported."""

    code = "unusable_listing"


@dataclass(slots=True)
class Listed:
    """A page, what the checkpoint has to know after it, and what was wrong with it."""

    page: ObjectPage
    state: dict[str, Any]
    failures: list[Failure] = field(default_factory=list)


def find_start(lease: Lease) -> str | None:
    """The key after which a walk goes on; None for the beginning."""
    start = lease.part.after if lease.part else None
    return lease.checkpoint.get("after", start) or None


def keep_state(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What a later checkpoint of the same walk has to hold too."""
    return {name: checkpoint[name] for name in _KEPT if name in checkpoint}


def fetch_page(app: AppContext, source: Source, lease: Lease) -> Listed:
    """The page that follows the checkpoint of a lease.

    Raises:
        UnusableListing: it cannot come to an end.
        StorageError: the storage cannot be listed.
    """
    query = _build_query(app, source, lease)
    listed = Listed(ObjectPage(()), keep_state(lease.checkpoint))
    try:
        listed.page = _ask_timed(source, query, lease)
    except CursorExpired:
        if query.cursor is None:
            raise
        _note_restart(listed, query)
        query = replace(query, cursor=None)
        listed.page = _ask(source, query)
    if source.is_ordered and query.cursor is not None:
        _drop_repeated(source, query, find_start(lease), listed)
    _watch(app, source, listed)
    return listed


def _build_query(app: AppContext, source: Source, lease: Lease) -> ListQuery:
    part, limit = lease.part, app.settings.page_size
    return ListQuery(
        prefix=source.prefix,
        delimiter=source.delimiter,
        after_key=find_start(lease) if source.is_seekable else None,
        upto_key=part.upto if part else None,
        cursor=lease.checkpoint.get("cursor"),
        # One more than there should be, so that a server sees the end at once.
        limit=min(limit, max(2, part.size + 1)) if part else limit,
    )


def _ask_timed(source: Source, query: ListQuery, lease: Lease) -> ObjectPage:
    began = time.monotonic()
    page = _ask(source, query)
    lease.sampler.note_call(time.monotonic() - began)
    return page


def _ask(source: Source, query: ListQuery) -> ObjectPage:
    return source.connection.provider.list_objects(source.connection.ref, query)


def _note_restart(listed: Listed, query: ListQuery) -> None:
    """Without a key to go on from, the listing begins anew: not again and again.

    What is known already is found again then, and not imported twice.
    """
    if query.after_key is not None:
        return
    restarts = listed.state.get("restarts", 0) + 1
    if restarts > MAX_RESTARTS:
        raise UnusableListing(
            f"The server refused its own cursor {restarts} times, and each time the "
            "listing had to begin anew.",
            remedy="Raise LABELDOCK_PAGE_SIZE, so that fewer pages are needed; or ask "
            "whoever runs the server.",
        )
    for name in ("mark", "pages"):  # the same pages will be seen again
        listed.state.pop(name, None)
    listed.state["restarts"] = restarts


def _drop_repeated(
    source: Source, query: ListQuery, after: str | None, listed: Listed
) -> None:
    """Leave out keys that were listed before; ask by key for what follows them."""
    page = listed.page
    if after is None or not page.objects or page.objects[0].key > after:
        return
    _log.warning("listing_repeated", after=after)
    if not listed.state.get("has_repeated"):
        listed.state["has_repeated"] = True
        listed.failures.append(_describe_repetition(after))
    fresh = page.objects[bisect_right(page.objects, after, key=_KEY) :]
    if fresh or not source.is_seekable:
        listed.page = replace(page, objects=fresh)
    else:
        listed.page = _ask(source, replace(query, after_key=after, cursor=None))


def _describe_repetition(after: str) -> Failure:
    return Failure(
        None,
        after,
        -1,
        "listing_repeated",
        "After this key the server listed keys again that it had listed before.",
        "Nothing was imported twice. Ask whoever runs the server if it stays so.",
    )


def _watch(app: AppContext, source: Source, listed: Listed) -> None:
    """See to it that the listing comes to an end some time.

    Raises:
        UnusableListing: it does not.
    """
    page, state = listed.page, listed.state
    state["objects"] = state.get("objects", 0) + len(page.objects)
    most = app.settings.listing_max_objects
    if state["objects"] > most:
        raise UnusableListing(
            f"The listing has more than {most} objects.",
            remedy="Set a prefix, or raise LABELDOCK_LISTING_MAX_OBJECTS.",
        )
    if page.objects or page.prefixes or page.unreadable or page.cursor is None:
        state.pop("empty", None)
    else:
        _count_empty(state)
    if page.objects and not source.is_ordered:
        _watch_for_cycle(page, state)


def _count_empty(state: dict[str, Any]) -> None:
    state["empty"] = state.get("empty", 0) + 1
    if state["empty"] > MAX_EMPTY_PAGES:
        raise UnusableListing(
            f"The server gave {MAX_EMPTY_PAGES} pages in a row with nothing on them, "
            "and says that there are more.",
            remedy="Ask whoever runs the server.",
        )


def _watch_for_cycle(page: ObjectPage, state: dict[str, Any]) -> None:
    """Notice a page that comes again, whatever cursor leads there.

    One page in the past is kept in mind, a later one each time the number of pages has
    doubled: a listing that goes in circles meets it sooner or later (Brent's way).
    """
    keys = f"{len(page.objects)}\0{page.objects[0].key}\0{page.objects[-1].key}"
    found = hashlib.sha256(keys.encode()).hexdigest()[:16]
    if found == state.get("mark"):
        raise UnusableListing(
            "The server lists the same page again and again.",
            remedy="Everything on it is imported. Ask whoever runs the server.",
        )
    state["pages"] = pages = state.get("pages", 0) + 1
    if pages & (pages - 1) == 0:
        state["mark"] = found
