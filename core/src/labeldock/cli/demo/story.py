"""The demo's steps, each of which finds what an earlier start has done already."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from labeldock.cli.demo import labels
from labeldock.cli.demo.login import Login, prepare_login
from labeldock.cli.demo.roots import allow_folders
from labeldock.cli.demo.samples import make_samples
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
from labeldock.services.context import opened_context
from labeldock.services.exporting.delivery import deliver_batch
from labeldock.services.exporting.links import ExportLinkView, list_export_links
from labeldock.services.projects import ProjectView
from labeldock.services.storages import StorageView
from labeldock.services.tasks import TaskQuery, TaskView
from labeldock.settings import Settings

LOOKED_AT: Final = 500
SHOWN_ERRORS: Final = 20
DELIVERY_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The folders of a demo: what comes in, and where annotations go."""

    title: str
    imports: tuple[DemoStorage, ...]
    exported: Path
    label_config: str


def tell_story(settings: Settings, folder: Path | None) -> Login:
    """Do everything that comes before serving; returns how to log in.

    Raises:
        InvalidInput: the folder cannot be used.
        UnknownProvider: labeldock-local is not installed.
    """
    home = settings.home / "demo"
    scene = _set_samples(home) if folder is None else _set_folder(home, folder)
    scene.exported.mkdir(parents=True, exist_ok=True)
    sources = [storage.path for storage in scene.imports]
    allow_folders(settings, [*sources, scene.exported])  # the login lies beside them
    with opened_context(settings) as app:
        login, principal = prepare_login(app, home)
        operation = Operation(app, principal)
        project = prepare_project(operation, scene.title, scene.label_config, sources)
        _act(operation, project, scene)
    return login


def _set_samples(home: Path) -> Scene:
    typer.echo(f"Samples are in {clean_text(str(home))}")
    folders = make_samples(home)
    pictures = DemoStorage("Pictures", folders.media, Purpose.IMPORT, is_media=True)
    files = DemoStorage("Task files", folders.tasks, Purpose.IMPORT, is_media=False)
    config = labels.build_config(labels.SAMPLE_CHOICES, has_pictures=True)
    return Scene("Demo", (pictures, files), home / "exported", config)


def _set_folder(home: Path, folder: Path) -> Scene:
    path = _check_folder(folder, home.parent)
    media = DemoStorage(path.name or "Files", path, Purpose.IMPORT, is_media=True)
    pictures = labels.has_pictures(path)
    config = labels.build_config(labels.FOLDER_CHOICES, has_pictures=pictures)
    title = f"Demo: {path.name}"[:50]
    return Scene(title, (media,), home / "exported", config)


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
    target = DemoStorage("Annotations", scene.exported, Purpose.EXPORT, is_media=False)
    export = prepare_storage(operation, project.id, target)
    imports = [
        prepare_storage(operation, project.id, storage) for storage in scene.imports
    ]
    synced = [_sync(operation, storage) for storage in imports]
    labelled = _annotate(operation, project.id)
    files = _deliver(operation, export, labelled)
    print_summary(project, synced, files)


def _sync(operation: Operation, storage: StorageView) -> SyncedStorage:
    app, principal = operation
    view = storages.sync_storage(app, principal, storage.id, storage.purpose)
    assert view.run is not None
    run = work_run(operation, view.run, is_quiet=False)
    return SyncedStorage(storage, run, list_errors(operation, run.id, SHOWN_ERRORS))


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
    folder = Path(str(export.settings["path"]))
    return [
        DeliveredFile(folder / link.key, _describe(labelled, link))
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
