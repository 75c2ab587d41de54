"""The demo's steps, each of which finds what an earlier start has done already."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from labeldock.cli.demo import labels
from labeldock.cli.demo.buckets import Bucket, find_bucket, upload_samples
from labeldock.cli.demo.login import Login, prepare_login
from labeldock.cli.demo.roots import allow_folders
from labeldock.cli.demo.samples import MEDIA, TASKS, make_samples
from labeldock.cli.demo.setup import DemoStorage, prepare_project, prepare_storage
from labeldock.cli.demo.summary import DeliveredFile, SyncedStorage, print_summary
from labeldock.cli.operating import Operation
from labeldock.cli.run_views import list_errors
from labeldock.cli.showing import clean_text
from labeldock.cli.terminal_work import work_run
from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Purpose
from labeldock.services import storages, tasks
from labeldock.services.annotations import create_annotation
from labeldock.services.context import AppContext, opened_context
from labeldock.services.exporting.delivery import deliver_batch
from labeldock.services.exporting.links import ExportLinkView, list_export_links
from labeldock.services.projects import ProjectView
from labeldock.services.storages import StorageView
from labeldock.services.tasks import TaskQuery, TaskView
from labeldock.settings import Settings

LOOKED_AT: Final = 500
SHOWN_ERRORS: Final = 20
DELIVERY_SECONDS: Final = 20.0
EXPORTED: Final = "exported"


@dataclass(frozen=True, slots=True)
class Target:
    """What the demo is to be run on; samples in the home folder by default.

    Attributes:
        folder: a folder of the caller's, if any.
        uri: of a place in a bucket, where the samples are put.
        assignments: settings of that bucket, `name=value` each.
    """

    folder: Path | None = None
    uri: str | None = None
    assignments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """The storages of a demo: what comes in, and where annotations go."""

    title: str
    imports: tuple[DemoStorage, ...]
    export: DemoStorage
    label_config: str


def tell_story(settings: Settings, target: Target) -> Login:
    """Do everything that comes before serving; returns how to log in.

    Raises:
        InvalidInput: the folder, or the bucket's URI, cannot be used.
        UnknownProvider: a provider is not installed.
        StorageError: the bucket cannot be used.
    """
    if target.uri is not None:
        return _use_bucket(settings, target.uri, target)
    home = settings.home / "demo"
    scene = (
        _set_samples(home) if not target.folder else _set_folder(home, target.folder)
    )
    exported = Path(scene.export.place)
    exported.mkdir(parents=True, exist_ok=True)
    sources = [Path(storage.place) for storage in scene.imports]
    allow_folders(settings, [*sources, exported])  # the login lies beside them
    with opened_context(settings) as app:
        return _play(app, home, scene)


def _use_bucket(settings: Settings, uri: str, target: Target) -> Login:
    if target.folder is not None:
        raise InvalidInput(
            "A bucket is filled with the samples.",
            field="folder",
            remedy="Leave the folder out, or --storage.",
        )
    with opened_context(settings) as app:
        bucket = find_bucket(app.catalog, uri, target.assignments)
        count = upload_samples(app, bucket)
        place = clean_text(bucket.uri)
        typer.echo(f"Samples are in {place} ({count} of them were put there now)")
        return _play(app, settings.home / "demo", _set_bucket(bucket))


def _play(app: AppContext, home: Path, scene: Scene) -> Login:
    login, principal = prepare_login(app, home)
    operation = Operation(app, principal)
    project = prepare_project(operation, scene.title, scene.label_config, scene.imports)
    _act(operation, project, scene)
    return login


def _set_samples(home: Path) -> Scene:
    typer.echo(f"Samples are in {clean_text(str(home))}")
    folders = make_samples(home)
    pictures = DemoStorage.of_folder("Pictures", folders.media, is_media=True)
    files = DemoStorage.of_folder("Task files", folders.tasks)
    config = labels.build_config(labels.SAMPLE_CHOICES, has_pictures=True)
    return Scene("Demo", (pictures, files), _export_to(home), config)


def _set_folder(home: Path, folder: Path) -> Scene:
    path = _check_folder(folder, home.parent)
    media = DemoStorage.of_folder(path.name or "Files", path, is_media=True)
    pictures = labels.has_pictures(path)
    config = labels.build_config(labels.FOLDER_CHOICES, has_pictures=pictures)
    title = f"Demo: {path.name}"[:50]
    return Scene(title, (media,), _export_to(home), config)


def _set_bucket(bucket: Bucket) -> Scene:
    load = Purpose.IMPORT
    pictures = bucket.build_storage("Pictures", MEDIA, load, is_media=True)
    files = bucket.build_storage("Task files", TASKS, load)
    export = bucket.build_storage("Annotations", EXPORTED, Purpose.EXPORT)
    config = labels.build_config(labels.SAMPLE_CHOICES, has_pictures=True)
    return Scene(f"Demo: {bucket.uri}"[:50], (pictures, files), export, config)


def _export_to(home: Path) -> DemoStorage:
    return DemoStorage.of_folder("Annotations", home / EXPORTED, Purpose.EXPORT)


def _check_folder(folder: Path, home: Path) -> Path:
    path = folder.expanduser().resolve()
    if home.resolve().is_relative_to(path):
        raise InvalidInput(
            f"{folder} contains LABELDOCK_HOME, with its database and keys.",
            field="folder",
            remedy=f"Set LABELDOCK_HOME to a folder that is not in {path}.",
        )
    remedy = "Give a folder with files in it, or none to see the samples."
    if not path.exists():
        raise InvalidInput(
            f"There is no folder {folder}.", field="folder", remedy=remedy
        )
    if not path.is_dir():
        raise InvalidInput(
            f"{folder} is a file, not a folder.", field="folder", remedy=remedy
        )
    if not any(files for _, _, files in os.walk(path)):
        raise InvalidInput(
            f"There are no files in {folder}.", field="folder", remedy=remedy
        )
    return path


def _act(operation: Operation, project: ProjectView, scene: Scene) -> None:
    export = prepare_storage(operation, project.id, scene.export)
    imports = [
        (storage.place, prepare_storage(operation, project.id, storage))
        for storage in scene.imports
    ]
    synced = [_sync(operation, storage, place) for place, storage in imports]
    labelled = _annotate(operation, project.id)
    files = _deliver(operation, export, labelled)
    print_summary(project, synced, files)


def _sync(operation: Operation, storage: StorageView, place: str) -> SyncedStorage:
    app, principal = operation
    view = storages.sync_storage(app, principal, storage.id, storage.purpose)
    assert view.run is not None
    run = work_run(operation, view.run, is_quiet=False)
    errors = list_errors(operation, run.id, SHOWN_ERRORS)
    return SyncedStorage(storage, place, run, errors)


# Labelling


def _annotate(operation: Operation, project_id: int) -> dict[int, TaskView]:
    """Label a few tasks of each storage; gives all that are labelled, by annotation."""
    query = TaskQuery(project_id, limit=LOOKED_AT)
    found = tasks.list_tasks(*operation, query).tasks
    for task in labels.choose_tasks(found):
        values = {"result": labels.build_result(task), "lead_time": 2.5}
        create_annotation(*operation, task.id, values)
    labelled = tasks.list_tasks(*operation, query).tasks
    return {a.id: task for task in labelled for a in task.annotations}


# Exporting


def _deliver(
    operation: Operation, export: StorageView, labelled: dict[int, TaskView]
) -> list[DeliveredFile]:
    """See the outbox emptied, as a worker would; what lies in the bucket then."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    links = _list_links(operation, export)
    while not _covers(links, labelled) and time.monotonic() < deadline:
        if not deliver_batch(operation.app, export.id):
            time.sleep(0.05)  # what is left waits for its turn, or for another try
        links = _list_links(operation, export)
    path = export.settings.get("path")  # a folder is shown as one, a bucket by URIs
    base = f"{path}/" if path else export.base_uri
    return [
        DeliveredFile(f"{base}{link.key}", _describe(labelled, link))
        for link in sorted(links, key=lambda link: link.annotation_id or 0)
    ]


def _list_links(operation: Operation, export: StorageView) -> list[ExportLinkView]:
    return list_export_links(*operation, export.id, limit=LOOKED_AT)


def _covers(links: list[ExportLinkView], labelled: dict[int, Any]) -> bool:
    delivered = {link.annotation_id for link in links}
    tasks_delivered = {link.task_id for link in links}
    return all(
        annotation_id in delivered or task.id in tasks_delivered
        for annotation_id, task in labelled.items()
    )


def _describe(labelled: dict[int, TaskView], link: ExportLinkView) -> str:
    task = labelled.get(link.annotation_id or 0)
    return labels.describe_label(task) if task else ""
