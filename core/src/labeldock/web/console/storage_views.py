"""What pages show of a storage: its status in words and tone, its counts, its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from labeldock.contract.values import Purpose
from labeldock.services.runs import RunView
from labeldock.services.storages import StorageView
from labeldock.web.explanations import explain_failure

STATES: Final = {
    "initialized": ("idle", "Not synced yet"),
    "queued": ("busy", "Queued"),
    "lost": ("busy", "Taken up again"),
    "in_progress": ("busy", "In progress"),
    "completed": ("good", "Completed"),
    "completed_with_errors": ("warn", "Completed with errors"),
    "failed": ("bad", "Failed"),
    "cancelled": ("bad", "Cancelled"),
}
"""States of runs and storages: a tone of the stylesheet, and words."""

COUNTS: Final = {
    Purpose.IMPORT: (
        ("created", "new tasks"),
        ("existed", "known"),
        ("changed", "changed"),
        ("updated", "tasks updated"),
        ("vanished", "vanished"),
        ("returned", "returned"),
        ("filtered", "filtered out"),
        ("failed", "failed"),
    ),
    Purpose.EXPORT: (
        ("delivered", "delivered"),
        ("waiting", "waiting"),
        ("failed", "failed"),
    ),
}
_ALWAYS_SHOWN: Final = {"created", "delivered"}


@dataclass(frozen=True, slots=True)
class StorageLine:
    """A storage, its status, and what its last run counted."""

    id: int
    purpose: Purpose
    title: str
    provider: str
    location: str
    tone: str
    status: str
    is_active: bool
    may_sync: bool
    counts: tuple[tuple[str, int], ...]
    last_sync: datetime | None
    run_id: int | None
    problem: str | None
    schedule: str | None
    next_run_at: datetime | None

    @property
    def is_new(self) -> bool:
        """Whether nothing came or went yet, by a sync or without one."""
        return self.run_id is None and not self.counts


def view_storage(storage: StorageView) -> StorageLine:
    """A storage as a line of a page."""
    run = storage.run
    tone, status = _describe_status(storage)
    if storage.attention:
        tone, status = "bad", "Needs attention"
    return StorageLine(
        id=storage.id,
        purpose=storage.purpose,
        title=name_storage(storage),
        provider=storage.provider_title,
        location=storage.base_uri + (storage.fields["prefix"] or ""),
        tone=tone,
        status=status,
        is_active=run is not None and run.is_active,
        may_sync=bool(storage.fields["synchronizable"]) and not storage.attention,
        counts=select_counts(storage.purpose, _list_counts(storage)),
        last_sync=storage.last_success_at,
        run_id=run.id if run else None,
        # Objects that failed are listed one by one.
        problem=None if tone == "warn" else explain_failure(storage),
        schedule=storage.fields["schedule"],
        next_run_at=storage.next_run_at,
    )


def name_storage(storage: StorageView) -> str:
    """What people call it."""
    return str(storage.fields["title"] or f"Storage {storage.id}")


def describe_run(run: RunView) -> tuple[str, str]:
    """The tone and the words of a run's state."""
    return STATES.get(run.state, ("idle", run.state))


def _describe_status(storage: StorageView) -> tuple[str, str]:
    """The tone and the words; annotations are delivered without a sync, too."""
    sent = storage.deliveries
    if storage.run is None and sent and any(asdict(sent).values()):
        if sent.failed:
            return "bad", "Deliveries failed"
        return ("busy", "Delivering") if sent.waiting else ("good", "Up to date")
    if storage.run is not None and storage.run.state == "cancelled":
        return STATES["cancelled"]
    return STATES.get(storage.status, ("idle", storage.status))


def _list_counts(storage: StorageView) -> dict[str, int]:
    """What the last run counted; of an export, what all deliveries come to."""
    if storage.deliveries is not None:
        return asdict(storage.deliveries)
    return storage.run.counts if storage.run else {}


def select_counts(
    purpose: Purpose, counts: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """The counts that say something, with their words."""
    if not any(counts.values()) and purpose is Purpose.EXPORT:
        return ()
    return tuple(
        (label, counts.get(name, 0))
        for name, label in COUNTS[purpose]
        if counts.get(name) or (counts and name in _ALWAYS_SHOWN)
    )
