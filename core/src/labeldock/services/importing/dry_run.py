"""One slice of a dry run: list, compare, and note what a sync would do.

It lists and compares as an import does, and writes nothing but its own row: counts,
and the first keys of each category. Files are not read, so that it cannot say how many
tasks they would give, nor whether they are broken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import insert

from labeldock.contract.values import ObjectInfo
from labeldock.db.partitions import RunObject
from labeldock.db.types import escape_text
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.importing.cutting import (
    Stretch,
    compare_stretch,
    cut_page,
    list_unreadable,
)
from labeldock.services.importing.listing import Listed, fetch_page
from labeldock.services.importing.source import Source, is_marker, load_source
from labeldock.services.leases import Lease

CATEGORIES: Final = ("new", "changed", "vanished", "returned", "failed")
COUNTS: Final = (
    "seen", "filtered", "skipped", "new", "existed", "changed", "vanished", "returned",
    "failed",
)  # fmt: skip
MAX_LISTED: Final = 1000
"""How many keys of a category are kept; all are counted."""

_TABLE: Final = RunObject.__table__  # type: ignore[attr-defined]

Notes = dict[str, list[str]]


def dry_slice(app: AppContext, lease: Lease) -> bool:
    """Work on a dry run until its slice is used up; whether the run has ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: the storage cannot be listed.
    """
    source = replace(load_source(app, lease.storage_id), is_shared=False)
    if lease.checkpoint.get("scope") != source.scope:
        lease.checkpoint = {"scope": source.scope}
    deadline = time.monotonic() + app.settings.slice_seconds
    for _ in range(app.settings.slice_pages):
        if lease.checkpoint.get("is_listed"):
            leases.finish(app, lease, "completed")
            return True
        _note_page(app, lease, source, fetch_page(app, source, lease))
        if lease.is_over(deadline):
            break
    leases.hand_back(app, lease)
    return False


def _note_page(app: AppContext, lease: Lease, source: Source, listed: Listed) -> None:
    failures = [*listed.failures, *list_unreadable(listed.page)]
    failed = [failure.key for failure in failures]
    for stretch in cut_page(app, lease, source, listed):
        counts, notes = _describe(source, stretch, failed)
        _commit(app, lease, stretch.checkpoint, counts, notes)
        failed = []


def _describe(
    source: Source, stretch: Stretch, failed: list[str]
) -> tuple[dict[str, int], Notes]:
    """What a sync would do with a stretch: counts and keys."""
    admitted, found = compare_stretch(source, stretch)
    notes = {
        "new": _keys(found.new),
        "changed": _keys(found.changed),
        "vanished": found.vanished,
        "returned": found.returned,
        "failed": [*failed, *(link.key for link in found.failed_before)],
    }
    markers = sum(map(is_marker, stretch.objects))
    counts = {name: len(keys) for name, keys in notes.items()}
    counts |= {
        "seen": len(stretch.objects),
        "skipped": markers,
        "filtered": len(stretch.objects) - len(admitted) - markers,
        "existed": sum(rows for _, rows in found.existed),
    }
    return counts, notes


def _keys(objects: Iterable[ObjectInfo]) -> list[str]:
    return [info.key for info in objects]


def _commit(
    app: AppContext,
    lease: Lease,
    checkpoint: dict[str, Any],
    counts: dict[str, int],
    notes: Notes,
) -> None:
    total = {n: lease.counts.get(n, 0) + counts.get(n, 0) for n in COUNTS}
    rows = list(_build_rows(lease, notes))
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint=checkpoint, counts=total)
        if rows:
            connection.execute(insert(_TABLE), rows)
    lease.commit(checkpoint, total)


def _build_rows(lease: Lease, notes: Notes) -> Iterator[dict[str, Any]]:
    for category, keys in notes.items():
        room = max(0, MAX_LISTED - lease.counts.get(category, 0))
        for key in dict.fromkeys(keys[:room]):
            yield {
                "run_id": lease.run_id,
                "category": category,
                "key": escape_text(key),
            }
