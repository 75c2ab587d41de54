"""The storages of a project: import and export side by side."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.access import Permission
from labeldock.services.storages import StorageView
from labeldock.web.console.commands import build_add_command
from labeldock.web.console.notes import go_to
from labeldock.web.console.storage_views import StorageLine, view_storage
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

MOST_COUNTED: Final = 2_000
"""Deliveries of an export storage that a page counts; there may be a million."""


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route("/projects/{id:int}/storages/", GET=show_storages),
        build_route("/projects/{id:int}/storages/{storage:int}/sync/", POST=sync),
    ]


@page(Permission.VIEW)
def show_storages(call: Call) -> Response:
    """Every storage with its status, its counts, and when it is synced next."""
    place = open_project(call, "storages")
    lines = {p: load_lines(call, place.project.id, p) for p in Purpose}
    commands = {
        p: build_add_command(call.app.catalog, place.project.id, p) for p in Purpose
    }
    values = {
        "imports": lines[Purpose.IMPORT],
        "exports": lines[Purpose.EXPORT],
        "add_import": commands[Purpose.IMPORT],
        "add_export": commands[Purpose.EXPORT],
        "is_active": any(line.is_active for both in lines.values() for line in both),
    }
    return place.render("storages.html", values)


def load_lines(call: Call, project_id: int, purpose: Purpose) -> list[StorageLine]:
    """The storages of a project for one purpose, as lines of a page."""
    return [view_storage(each) for each in load_storages(call, project_id, purpose)]


def load_storages(call: Call, project_id: int, purpose: Purpose) -> list[StorageView]:
    """The storages of a project for one purpose; what may be many is counted so far."""
    return storages.list_storages(
        call.app, call.principal, project_id, purpose, most_counted=MOST_COUNTED
    )


def load_storage(call: Call, place: Workplace) -> StorageView:
    """The storage that a path names as `storage`.

    Raises:
        NotFound: it is of another project, or there is none.
    """
    number = call.path_id("storage")
    found = storages.find_storage(
        call.app, call.principal, number, most_counted=MOST_COUNTED
    )
    if found.project_id != place.project.id:
        raise NotFound(f"There is no storage {number} here.", field="storage")
    return found


@page(Permission.MANAGE)
def sync(call: Call) -> Response:
    """Ask for a sync, and go to its run; `retry_failed` reads failed files again."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    synced = storages.sync_storage(
        call.app,
        call.principal,
        storage.id,
        storage.purpose,
        retry_failed=bool(call.values.get("retry_failed")),
    )
    run_id = synced.run.id if synced.run else 0
    return go_to(call.request, f"{place.path}runs/{run_id}/", "sync-asked")
