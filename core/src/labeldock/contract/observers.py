"""Notifications for plug-ins that watch: audit, metrics, integrations.

All observers are called, after the fact and after the commit. What they return is
ignored, and what they raise is logged with the name of the culprit and goes no further.
An observer is an object with methods marked by `hookimpl`, found by an entry point in
the group `labeldock.plugins`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from labeldock.contract.provider import hookspec


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """A storage was added, updated or removed; `change` is one of these words."""

    storage_id: int
    project_id: int
    provider: str
    change: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run came to an end state: completed, completed_with_errors, failed, ...

    A backup has no storage; a restore has no project until it has made it.
    """

    run_id: int
    storage_id: int | None
    project_id: int | None
    kind: str
    state: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class TasksCreated:
    """Tasks were created, by an import or through the API, in one transaction."""

    project_id: int
    task_ids: tuple[int, ...]
    storage_id: int | None


@dataclass(frozen=True, slots=True)
class AnnotationDelivered:
    """An annotation (or its task's file) is in the bucket under this key."""

    storage_id: int
    key: str
    annotation_id: int | None
    task_id: int | None
    etag: str


@dataclass(frozen=True, slots=True)
class AnnotationFailed:
    """A delivery failed for good or will be tried again; `code` is the error's."""

    storage_id: int
    key: str
    code: str
    will_retry: bool


@dataclass(frozen=True, slots=True)
class MediaServed:
    """Media was handed out, as a redirect or as a stream of `length` bytes.

    Without a storage it lies in the persistent storage.
    """

    storage_id: int | None
    key: str
    user_id: int | None
    task_id: int | None
    mode: str
    length: int | None


class Observer(Protocol):
    """The notifications; an observer implements those that it wants."""

    @hookspec
    def after_storage_changed(self, event: StorageChanged) -> None:
        """Called when a storage was added, updated or removed."""

    @hookspec
    def after_run_finished(self, event: RunFinished) -> None:
        """Called when a run reached an end state."""

    @hookspec
    def after_tasks_created(self, event: TasksCreated) -> None:
        """Called for each transaction that created tasks."""

    @hookspec
    def after_annotation_delivered(self, event: AnnotationDelivered) -> None:
        """Called when an object was written to an export storage."""

    @hookspec
    def after_annotation_failed(self, event: AnnotationFailed) -> None:
        """Called when a delivery failed."""

    @hookspec
    def after_media_served(self, event: MediaServed) -> None:
        """Called when media was redirected to or streamed."""
