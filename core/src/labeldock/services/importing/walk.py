"""One slice of an import: list pages in key order, compare, read, commit, hand back.

The checkpoint of a run is `after` (the last key dealt with), `cursor` (where the
provider's listing goes on; dropped when only part of a page was committed, or when it
has expired), `is_listed` (there are no more pages) and `scope` (what was looked at;
when that has changed, it starts again). A part of a run has one of its own.
"""

from __future__ import annotations

import time
from typing import Final

from labeldock import tracing
from labeldock.services import leases, parts
from labeldock.services.context import AppContext
from labeldock.services.events.draining import WatchedInbox
from labeldock.services.importing import sharing
from labeldock.services.importing.listing import fetch_page
from labeldock.services.importing.source import Source, load_source
from labeldock.services.importing.stretches import import_page
from labeldock.services.importing.sweep import sweep_vanished
from labeldock.services.leases import Lease

_PAUSE_SECONDS: Final = 1.0


def import_slice(app: AppContext, lease: Lease) -> bool:
    """Work on an import, or a part of one, until the slice is used up.

    Returns:
        Whether nothing more is to be done for it now: the run or part has ended, or
        waits for parts that others work on.

    Raises:
        LeaseLost: it is somebody else's, or cancelled.
        LabeldockError: the storage cannot be listed or read.
    """
    source = load_source(app, lease.storage_id)
    if lease.part is not None:
        return _import_part(app, lease, source)
    if lease.checkpoint.get("scope") != source.scope:
        parts.drop_parts(app, lease, {"scope": source.scope})
    parts.collect_parts(app, lease)
    deadline = time.monotonic() + app.settings.slice_seconds
    if _walk(app, lease, source, deadline) and _sweep(app, lease, source, deadline):
        return _conclude(app, lease)
    if source.is_shared and _has_enough_parts(app, lease):
        leases.wait(app, lease, _PAUSE_SECONDS)
    else:
        leases.hand_back(app, lease)
    return False


def _import_part(app: AppContext, lease: Lease, source: Source) -> bool:
    if lease.checkpoint.get("scope") != source.scope:
        leases.wait(app, lease, _PAUSE_SECONDS)  # its run begins anew, and drops it
        return True
    deadline = time.monotonic() + app.settings.slice_seconds
    if _walk(app, lease, source, deadline):
        parts.finish_part(app, lease)
        return True
    leases.hand_back(app, lease)
    return False


def _walk(app: AppContext, lease: Lease, source: Source, deadline: float) -> bool:
    """Import page after page; whether there are no more.

    What notifications have named meanwhile is looked at between them.
    """
    inbox = WatchedInbox(app, lease, source)
    for _ in range(app.settings.slice_pages):
        inbox.look()
        if lease.checkpoint.get("is_listed"):
            return True
        if source.is_shared and _has_enough_parts(app, lease):
            return False
        with tracing.span("import page"):
            import_page(app, lease, source, fetch_page(app, source, lease))
        if lease.is_over(deadline):
            break
    return bool(lease.checkpoint.get("is_listed"))


def _has_enough_parts(app: AppContext, lease: Lease) -> bool:
    if lease.part is not None:
        return False
    return parts.count_parts(app, lease.run_id) >= sharing.MAX_PARTS


def _sweep(app: AppContext, lease: Lease, source: Source, deadline: float) -> bool:
    """Where the order of a listing is unknown, see at its end what it did not show."""
    if source.is_ordered:
        return True
    while not lease.checkpoint.get("is_swept"):
        sweep_vanished(app, lease, source)
        if lease.is_over(deadline):
            break
    return bool(lease.checkpoint.get("is_swept"))


def _conclude(app: AppContext, lease: Lease) -> bool:
    """End a run that has listed everything; or wait for its parts, and say so."""
    problem = parts.find_failure(app, lease.run_id)
    if problem is not None:
        leases.finish(app, lease, "failed", problem=problem)
        return True
    if parts.count_parts(app, lease.run_id):
        parts.collect_parts(app, lease)
    if parts.count_parts(app, lease.run_id):
        leases.wait(app, lease, _PAUSE_SECONDS)
        return False
    state = "completed_with_errors" if lease.counts.get("failed") else "completed"
    leases.finish(app, lease, state)
    return True
