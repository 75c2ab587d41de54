"""The demo's project and storages: found if an earlier start made them, else made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from labeldock.cli.operating import Operation
from labeldock.cli.projects import list_all_projects
from labeldock.contract.values import Purpose
from labeldock.services import projects, storages
from labeldock.services.connections import split_secrets
from labeldock.services.projects import ProjectView
from labeldock.services.storage_checks import validate_draft
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import StorageView


@dataclass(frozen=True, slots=True)
class DemoStorage:
    """What is connected; media become one task each, otherwise files hold tasks.

    Attributes:
        title: of the storage.
        place: where it is, for people.
        provider: its name.
        values: the provider's own settings, and the prefix.
        purpose: import or export.
        is_media: see above.
    """

    title: str
    place: str
    provider: str
    values: Mapping[str, Any]
    purpose: Purpose = Purpose.IMPORT
    is_media: bool = False

    @classmethod
    def of_folder(
        cls,
        title: str,
        path: Path,
        purpose: Purpose = Purpose.IMPORT,
        *,
        is_media: bool = False,
    ) -> Self:
        """A folder of this machine."""
        place = str(path)
        return cls(title, place, "local", {"path": place}, purpose, is_media)


def prepare_project(
    operation: Operation,
    title: str,
    label_config: str,
    sources: Sequence[DemoStorage],
) -> ProjectView:
    """The project in which one of these storages is connected, or a new one.

    It is known by its storage, since people may rename it; and by its title, as long
    as it has no storage.
    """
    mine = [
        project
        for project in reversed(list_all_projects(operation))
        if project.created_by_id == operation.principal.user_id
    ]
    for project in mine:
        if any(_find_storage(operation, project.id, source) for source in sources):
            return project
        connected = storages.list_storages(*operation, project.id, Purpose.IMPORT)
        if not connected and project.title == title:
            return project
    values = {"title": title, "label_config": label_config}
    return projects.create_project(*operation, values)


def prepare_storage(
    operation: Operation, project_id: int, wanted: DemoStorage
) -> StorageView:
    """The storage that connects a place to the project; connected if it is not."""
    found = _find_storage(operation, project_id, wanted)
    return found or storages.add_storage(*operation, _draft(project_id, wanted))


def _find_storage(
    operation: Operation, project_id: int, wanted: DemoStorage
) -> StorageView | None:
    draft = _draft(project_id, wanted)
    fields, options, bound = validate_draft(operation.app, draft)
    plain, _ = split_secrets(options)
    existing = storages.list_storages(
        *operation, project_id, wanted.purpose, provider=bound.info.name
    )
    for storage in existing:
        if storage.settings == plain and storage.fields["prefix"] == fields["prefix"]:
            return storage
    return None


def _draft(project_id: int, wanted: DemoStorage) -> StorageDraft:
    values: dict[str, Any] = {"title": wanted.title, **wanted.values}
    if wanted.purpose is Purpose.EXPORT:
        values["can_delete_objects"] = True
    else:
        values["use_blob_urls"] = values["recursive_scan"] = wanted.is_media
    return StorageDraft(project_id, wanted.purpose, wanted.provider, values)
