"""The demo's project and storages: found if an earlier start made them, else made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldock.cli.operating import Operation
from labeldock.cli.projects import list_all_projects
from labeldock.contract.values import Purpose
from labeldock.services import projects, storages
from labeldock.services.projects import ProjectView
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView

PROVIDER = "local"


@dataclass(frozen=True, slots=True)
class DemoStorage:
    """A folder to connect; media become one task each, otherwise files hold tasks."""

    title: str
    path: Path
    purpose: Purpose
    is_media: bool


def prepare_project(
    operation: Operation, title: str, label_config: str, folders: Sequence[Path]
) -> ProjectView:
    """The project in which one of these folders is connected, or a new one.

    It is known by its storage, since people may rename it; and by its title, as long
    as it has no storage.
    """
    mine = [
        project
        for project in reversed(list_all_projects(operation))
        if project.created_by_id == operation.principal.user_id
    ]
    for project in mine:
        connected = storages.list_storages(*operation, project.id, Purpose.IMPORT)
        paths = {storage.settings.get("path") for storage in connected}
        if not paths.isdisjoint(map(str, folders)):
            return project
        if not connected and project.title == title:
            return project
    values = {"title": title, "label_config": label_config}
    return projects.create_project(*operation, values)


def prepare_storage(
    operation: Operation, project_id: int, wanted: DemoStorage
) -> StorageView:
    """The storage that connects a folder to the project; connected if it is not."""
    existing = storages.list_storages(*operation, project_id, wanted.purpose)
    for storage in existing:
        if storage.settings.get("path") == str(wanted.path):
            return storage
    draft = StorageDraft(project_id, wanted.purpose, PROVIDER, _describe(wanted))
    return storages.add_storage(*operation, draft)


def _describe(wanted: DemoStorage) -> dict[str, Any]:
    values: dict[str, Any] = {"title": wanted.title, "path": str(wanted.path)}
    if wanted.purpose is Purpose.EXPORT:
        return {**values, "can_delete_objects": True}
    return {
        **values,
        "use_blob_urls": wanted.is_media,
        "recursive_scan": wanted.is_media,
    }
