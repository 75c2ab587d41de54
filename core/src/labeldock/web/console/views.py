"""What pages show of storages and tasks: plain values, ready for a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from labeldock.contract.values import Purpose
from labeldock.services.resolving.data import Resolver
from labeldock.services.runs import RunErrorView
from labeldock.services.storages import StorageView
from labeldock.services.tasks import TaskView
from labeldock.web.explanations import explain_failure

_STATUSES: Final = {
    "initialized": ("idle", "Not synced yet"),
    "queued": ("busy", "Queued"),
    "in_progress": ("busy", "In progress"),
    "completed": ("good", "Completed"),
    "completed_with_errors": ("warn", "Completed with errors"),
    "failed": ("bad", "Failed"),
}
_COUNTS: Final = {
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
_TILE_PIXELS: Final = 384  # as wide as tiles are drawn on dense screens
_IMAGES: Final = (
    ".apng", ".avif", ".bmp", ".gif", ".ico", ".jfif", ".jpeg", ".jpg", ".png", ".webp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StorageLine:
    """A storage, its status, and what its last run counted."""

    id: int
    title: str
    provider: str
    location: str
    tone: str
    status: str
    is_active: bool
    counts: tuple[tuple[str, int], ...]
    last_sync: datetime | None
    run_id: int | None
    problem: str | None
    schedule: str | None
    next_run_at: datetime | None
    errors: tuple[RunErrorView, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether nothing came or went yet, by a sync or without one."""
        return self.run_id is None and not self.counts


def view_storage(
    storage: StorageView, errors: tuple[RunErrorView, ...] = ()
) -> StorageLine:
    """A storage as a line of a page."""
    run = storage.run
    tone, status = _describe_status(storage)
    if storage.attention:
        tone, status = "bad", "Needs attention"
    return StorageLine(
        id=storage.id,
        title=storage.fields["title"] or f"Storage {storage.id}",
        provider=storage.provider_title,
        location=storage.base_uri + (storage.fields["prefix"] or ""),
        tone=tone,
        status=status,
        is_active=run is not None and run.is_active,
        counts=_select_counts(storage.purpose, _list_counts(storage)),
        last_sync=storage.last_success_at,
        run_id=run.id if run else None,
        # Objects that failed are listed one by one.
        problem=None if tone == "warn" else explain_failure(storage),
        schedule=storage.fields["schedule"],
        next_run_at=storage.next_run_at,
        errors=errors,
    )


def _describe_status(storage: StorageView) -> tuple[str, str]:
    """The tone and the words; annotations are delivered without a sync, too."""
    sent = storage.deliveries
    if storage.run is None and sent and any(asdict(sent).values()):
        if sent.failed:
            return "bad", "Deliveries failed"
        return ("busy", "Delivering") if sent.waiting else ("good", "Up to date")
    return _STATUSES.get(storage.status, ("idle", storage.status))


def _list_counts(storage: StorageView) -> dict[str, int]:
    """What the last run counted; of an export, what all deliveries come to."""
    if storage.deliveries is not None:
        return asdict(storage.deliveries)
    return storage.run.counts if storage.run else {}


def _select_counts(
    purpose: Purpose, counts: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    if not any(counts.values()) and purpose is Purpose.EXPORT:
        return ()
    return tuple(
        (label, counts.get(name, 0))
        for name, label in _COUNTS[purpose]
        if counts.get(name) or (counts and name in _ALWAYS_SHOWN)
    )


@dataclass(frozen=True, slots=True)
class TaskTile:
    """A task with its picture, or else with the beginning of its text."""

    id: int
    inner_id: int
    name: str
    image: str | None
    link: str | None
    text: str
    is_labeled: bool
    annotations: int


def view_task(task: TaskView, resolver: Resolver) -> TaskTile:
    """A task as a tile of a page."""
    resolved = resolver.resolve(task)
    texts = list(_pair_texts(task.data, resolved))
    own = f"/tasks/{task.id}/resolve/"
    media = [(raw, url) for raw, url in texts if url.startswith(own)]
    pictures = [url for raw, url in media if raw.lower().endswith(_IMAGES)]
    plain = [raw for raw, url in texts if not url.startswith(own)]
    return TaskTile(
        id=task.id,
        inner_id=task.inner_id,
        name=_name_task(task, media),
        image=f"{pictures[0]}&size={_TILE_PIXELS}" if pictures else None,
        link=next(iter(pictures), None) or next((url for _, url in media), None),
        text=" ".join(plain)[:160],
        is_labeled=task.is_labeled,
        annotations=task.total_annotations,
    )


def _pair_texts(data: Any, resolved: Any) -> Iterator[tuple[str, str]]:
    """Top-level texts, as stored and as resolved; a key may have been renamed."""
    stored = data.values() if isinstance(data, dict) else data
    shown = resolved.values() if isinstance(resolved, dict) else resolved
    for raw, url in zip(stored, shown, strict=True):
        if isinstance(raw, str) and isinstance(url, str):
            yield raw, url


def _name_task(task: TaskView, media: list[tuple[str, str]]) -> str:
    """The file that it is about, or else its number."""
    path = media[0][0] if media else task.key or ""
    name = path.rstrip("/").rpartition("/")[2] or f"Task {task.inner_id}"
    if task.row_index is None or media:
        return name
    group = "" if task.row_group is None else f"{task.row_group + 1}."
    return f"{name}:{group}{task.row_index + 1}"
