"""What a listing without an order did not show: objects that have vanished.

Each page marks the links of its keys with the run that saw them. Once all pages are
through, what has a link without that mark is not in the bucket any more. It costs one
update per page, which only such listings pay.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import or_

from labeldock.db.tables import ImportLink
from labeldock.services.context import AppContext
from labeldock.services.importing.cutting import MAX_CLOSED
from labeldock.services.importing.listing import keep_state
from labeldock.services.importing.pages import (
    Batch,
    commit_batch,
    load_linked,
    select_linked,
)
from labeldock.services.importing.source import Source
from labeldock.services.leases import Lease

PAGE: Final = 5000
_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]


def sweep_vanished(app: AppContext, lease: Lease, source: Source) -> None:
    """Mark one page of the links whose objects the walk has not seen.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
    """
    closed = tuple(lease.checkpoint.get("closed", ()))
    after = lease.checkpoint.get("swept", "")
    query = (
        select_linked(lease.storage_id)
        .where(_LINK.c.key > after, _LINK.c.key >= source.prefix)
        .where(_LINK.c.object_exists)
        .where(or_(_LINK.c.seen_run_id.is_(None), _LINK.c.seen_run_id != lease.run_id))
        .limit(PAGE)
    )
    # With more folders closed than are kept in mind, nothing can be said to be gone.
    unseen = [] if len(closed) > MAX_CLOSED else load_linked(app, query)
    vanished = [
        link.key
        for link in unseen
        if source.looks_at(link) and not link.key.startswith(closed)
    ]
    checkpoint = {"scope": source.scope, "is_listed": True}
    checkpoint |= keep_state(lease.checkpoint)
    is_last = len(unseen) < PAGE
    checkpoint |= {"is_swept": True} if is_last else {"swept": unseen[-1].key}
    counts = {**lease.counts}
    counts["vanished"] = counts.get("vanished", 0) + len(vanished)
    batch = Batch(vanished=vanished)
    commit_batch(app, lease, batch, checkpoint=checkpoint, counts=counts)
