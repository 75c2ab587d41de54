"""The pages: projects with their storages and first tasks, and one project in full."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import Response

from labeldock.contract.values import Purpose
from labeldock.services import projects, runs, storages, tasks
from labeldock.services.projects import ProjectView
from labeldock.services.resolving.data import load_resolver
from labeldock.services.runs import RunErrorView
from labeldock.services.storages import StorageView
from labeldock.services.tasks import TaskQuery
from labeldock.web.api.paging import Page, read_page
from labeldock.web.console.commands import build_add_command, build_create_command
from labeldock.web.console.rendering import render_page
from labeldock.web.console.views import (
    StorageLine,
    TaskTile,
    view_storage,
    view_task,
)
from labeldock.web.endpoints import Call

_PROJECTS: Final = 10
_FIRST_TASKS: Final = 8
_TASKS: Final = 48
_ERRORS: Final = 10


@dataclass(frozen=True, slots=True)
class ProjectPart:
    """A project with what a page shows of it."""

    project: ProjectView
    imports: list[StorageLine]
    exports: list[StorageLine]
    tiles: list[TaskTile]
    add_import: str
    add_export: str

    @property
    def is_active(self) -> bool:
        """Whether a run is at work, so that the page should be looked at again."""
        return any(line.is_active for line in [*self.imports, *self.exports])


def show_projects(call: Call) -> Response:
    """The projects of whoever asks, newest first."""
    page = read_page(call, size=_PROJECTS, largest=_PROJECTS)
    found, total = projects.list_projects(
        call.app, call.principal, offset=page.offset, limit=page.size
    )
    page.check_end(total)
    first = Page(1, _FIRST_TASKS)
    parts = [_load_part(call, project, first, with_errors=False) for project in found]
    values = {
        "parts": parts,
        "total": total,
        "create_project": build_create_command(call.principal.email),
        **_number_pages(page, total),
    }
    return render_page(call.request, "projects.html", values)


def show_project(call: Call) -> Response:
    """One project: storages, what their last runs came to, and its tasks."""
    project = projects.get_project(call.app, call.principal, call.path_id())
    page = read_page(call, size=_TASKS, largest=_TASKS)
    page.check_end(project.task_number)
    part = _load_part(call, project, page, with_errors=True)
    values = {"part": part, **_number_pages(page, project.task_number)}
    return render_page(call.request, "project.html", values)


def _load_part(
    call: Call, project: ProjectView, page: Page, *, with_errors: bool
) -> ProjectPart:
    lines = {
        purpose: [
            _view(call, storage, with_errors=with_errors)
            for storage in storages.list_storages(
                call.app, call.principal, project.id, purpose
            )
        ]
        for purpose in Purpose
    }
    add = {p: build_add_command(call.app.catalog, project.id, p) for p in Purpose}
    return ProjectPart(
        project=project,
        imports=lines[Purpose.IMPORT],
        exports=lines[Purpose.EXPORT],
        tiles=_load_tiles(call, project, page),
        add_import=add[Purpose.IMPORT],
        add_export=add[Purpose.EXPORT],
    )


def _view(call: Call, storage: StorageView, *, with_errors: bool) -> StorageLine:
    errors: tuple[RunErrorView, ...] = ()
    if with_errors and storage.run is not None and storage.run.counts.get("failed"):
        errors = tuple(
            runs.list_run_errors(
                call.app, call.principal, storage.run.id, limit=_ERRORS
            )
        )
    return view_storage(storage, errors)


def _load_tiles(call: Call, project: ProjectView, page: Page) -> list[TaskTile]:
    query = TaskQuery(project.id, page.offset, page.size)
    found = tasks.list_tasks(call.app, call.principal, query).tasks
    loaded = load_resolver(call.app, project.id, project.label_config)
    # Pictures of our own pages: wherever a browser found the page, it finds them too.
    resolver = replace(loaded, public_url="")
    return [view_task(task, resolver) for task in found]


def _number_pages(page: Page, total: int) -> dict[str, Any]:
    last = max(1, -(-total // page.size))
    return {
        "page": page.number,
        "pages": last,
        "previous_page": page.number - 1 if page.number > 1 else None,
        "next_page": page.number + 1 if page.number < last else None,
    }
