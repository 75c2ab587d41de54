"""What went wrong in a project, storage by storage, grouped by cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.services import run_reports
from labeldock.services.access import Permission
from labeldock.services.run_reports import ErrorGroup
from labeldock.services.storages import StorageView
from labeldock.web.console.storage_list import load_storages
from labeldock.web.console.storage_views import StorageLine, view_storage
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_BAD: Final = {"bad", "warn"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A storage that something is wrong with, and what."""

    line: StorageLine
    groups: tuple[ErrorGroup, ...]

    @property
    def given_up(self) -> int:
        """Deliveries that nothing tries again by itself."""
        return dict(self.line.counts).get("failed", 0)


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/projects/{id:int}/errors/", GET=show_errors)]


@page(Permission.VIEW)
def show_errors(call: Call) -> Response:
    """Everything that is wrong now; what was put right is told by the runs."""
    place = open_project(call, "errors")
    found = [
        storage
        for purpose in Purpose
        for storage in load_storages(call, place.project.id, purpose)
    ]
    troubles = [_look(call, storage) for storage in found if _is_bad(storage)]
    values = {"troubles": troubles, "has_storages": bool(found)}
    return place.render("errors.html", values)


def _is_bad(storage: StorageView) -> bool:
    sent = storage.deliveries
    return view_storage(storage).tone in _BAD or bool(sent and sent.failed)


def _look(call: Call, storage: StorageView) -> Trouble:
    groups: list[ErrorGroup] = []
    if storage.run is not None:
        groups = run_reports.group_errors(call.app, call.principal, storage.run.id)
    return Trouble(view_storage(storage), tuple(groups))
