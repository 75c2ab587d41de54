"""One slice of an import: list pages in key order, compare, read, commit, hand back.

The checkpoint of a run is `after` (the last key dealt with), `cursor` (where the
provider's listing goes on; dropped when only part of a page was committed, or when it
has expired) and `scope` (what was looked at; when that has changed, it starts again).
"""

from __future__ import annotations

import time
from typing import Any

from labeldock.contract.errors import CursorExpired
from labeldock.contract.values import ListQuery, ObjectPage
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.importing.source import Source, load_source
from labeldock.services.importing.stretches import import_page
from labeldock.services.leases import Lease


def import_slice(app: AppContext, lease: Lease) -> bool:
    """Work on an import until its slice is used up; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: the storage cannot be listed or read.
    """
    source = load_source(app, lease.storage_id)
    if lease.checkpoint.get("scope") != source.scope:
        lease.checkpoint = {"scope": source.scope}
    deadline = time.monotonic() + app.settings.slice_seconds
    for _ in range(app.settings.slice_pages):
        page = fetch_page(app, source, lease.checkpoint)
        import_page(app, lease, source, page)
        if page.cursor is None:
            state = "completed_with_errors" if lease.counts["failed"] else "completed"
            leases.finish(app, lease, state)
            return True
        if lease.is_over(deadline):
            break
    leases.hand_back(app, lease)
    return False


def fetch_page(
    app: AppContext, source: Source, checkpoint: dict[str, Any]
) -> ObjectPage:
    """The page that follows a checkpoint; from its key if its cursor has expired.

    A listing that cannot start after a key begins anew then: what is known already is
    found again and not imported twice.
    """
    query = ListQuery(
        prefix=source.prefix,
        delimiter=source.delimiter,
        after_key=checkpoint.get("after") if source.is_seekable else None,
        cursor=checkpoint.get("cursor"),
        limit=app.settings.page_size,
    )
    provider, ref = source.connection.provider, source.connection.ref
    try:
        return provider.list_objects(ref, query)
    except CursorExpired:
        if query.cursor is None:
            raise
        return provider.list_objects(ref, _without_cursor(query))


def _without_cursor(query: ListQuery) -> ListQuery:
    return ListQuery(
        prefix=query.prefix,
        delimiter=query.delimiter,
        after_key=query.after_key,
        limit=query.limit,
    )
