"""Connect a storage: choose a provider, fill in its form, check, look, connect.

The form is made from the provider's settings model, so any provider that is installed
has one. Its buttons send the same form: to check the connection, to see what a sync
would bring, and to connect. Nothing is saved before that.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.services import storages
from labeldock.services.access import Permission
from labeldock.services.importing.previewing import Preview, preview_draft
from labeldock.services.slots.meta import describe_project
from labeldock.services.storage_fields import StorageDraft
from labeldock.web.console import connection_checks
from labeldock.web.console.connection_checks import Check
from labeldock.web.console.forms import REFUSALS, Form
from labeldock.web.console.notes import go_to
from labeldock.web.console.sealed_secrets import open_secrets, seal_secrets
from labeldock.web.console.shell import Crumb
from labeldock.web.console.storage_forms import (
    FieldGroup,
    FormField,
    list_fields,
    list_groups,
    read_values,
)
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_PATH: Final = "/projects/{id:int}/storages/new"
_TITLES: Final = {
    Purpose.IMPORT: "Connect a storage to import from",
    Purpose.EXPORT: "Connect a storage to export to",
}


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/", GET=choose_provider),
        build_route(f"{_PATH}/{{provider}}/", GET=show_form, POST=submit),
    ]


@page(Permission.MANAGE)
def choose_provider(call: Call) -> Response:
    """The providers that are installed."""
    place = open_project(call, "storages", Permission.MANAGE)
    purpose = _read_purpose(call.query_text("purpose"))
    values = {
        "providers": call.app.catalog.providers,
        "purpose": purpose,
        "title": _TITLES[purpose],
    }
    return place.render("storage_new.html", values, crumbs=[Crumb("Connect")])


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form of one provider in one project, for one purpose."""

    place: Workplace
    bound: BoundProvider
    purpose: Purpose
    groups: list[FieldGroup]

    @property
    def fields(self) -> list[FormField]:
        """The fields of all groups."""
        return list_fields(self.groups)

    @property
    def secrets(self) -> frozenset[str]:
        """The names of fields that are never sent back."""
        return frozenset(f.name for f in self.fields if f.kind == "password")

    @property
    def owner(self) -> str:
        """Whose form it is, for what is sealed in it."""
        user = self.place.call.principal.user_id
        name = self.bound.info.name
        return f"{user}:{self.place.project.id}:{name}:{self.purpose.value}"

    def draft(self, values: dict[str, Any]) -> StorageDraft:
        """What is filled in."""
        project_id = self.place.project.id
        return StorageDraft(project_id, self.purpose, self.bound.info.name, values)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the page says beside the form."""

    checks: tuple[Check, ...] = ()
    preview: Preview | None = None
    problem: LabeldockError | None = None

    @property
    def pictures(self) -> dict[str, str]:
        """The preview's thumbnails as addresses."""
        drawn = self.preview.pictures if self.preview else {}
        return {
            key: f"data:image/webp;base64,{base64.b64encode(data).decode()}"
            for key, data in drawn.items()
        }


@page(Permission.MANAGE)
def show_form(call: Call) -> Response:
    """The empty form of a provider."""
    sheet = _open_sheet(call, call.query_text("purpose"))
    ticked = {f.name: f.default for f in sheet.fields if f.kind == "switch"}
    if not _has_detached(sheet):  # a sync before would make its tasks a second time
        ticked["sync_now"] = "on"
    return _render(sheet, Form(ticked), {}, Findings())


def _has_detached(sheet: Sheet) -> bool:
    """Whether media wait for a storage that is attached before its first sync."""
    if sheet.purpose is not Purpose.IMPORT:
        return False
    call, project = sheet.place.call, sheet.place.project
    meta = describe_project(call.app, call.principal, project.id, most_counted=1)
    return any(use.slot.state == "detached" for use in meta.slots)


@page(Permission.MANAGE)
def submit(call: Call) -> Response:
    """What one of the form's buttons asks for."""
    sheet = _open_sheet(call, call.values.get("purpose"))
    values = read_values(sheet.fields, call.values, keeps_secrets=True)
    sealed = str(call.values.get("sealed", ""))
    kept = open_secrets(call.app.vault, sheet.owner, sealed)
    values = {**{k: v for k, v in kept.items() if k in sheet.secrets}, **values}
    action = call.values.get("action")
    if action == "check":
        return _check(call, sheet, values)
    if action == "preview":
        return _preview(call, sheet, values)
    return _connect(call, sheet, values)


def _check(call: Call, sheet: Sheet, values: dict[str, Any]) -> Response:
    form = Form(call.values)
    try:
        report = storages.validate_storage(
            call.app,
            call.principal,
            sheet.draft(values),
            probe_write=sheet.purpose is Purpose.EXPORT,
            origin=_find_origin(call),
        )
        checks = connection_checks.explain(sheet.purpose, report)
    except REFUSALS as error:
        form = Form.refused(call.values, error)
        checks = connection_checks.refuse(sheet.purpose, error)
    return _render(sheet, form, values, Findings(tuple(checks)))


def _preview(call: Call, sheet: Sheet, values: dict[str, Any]) -> Response:
    try:
        preview = preview_draft(call.app, call.principal, sheet.draft(values))
    except REFUSALS as error:
        form = Form.refused(call.values, error)
        return _render(sheet, form, values, Findings(problem=error), status=400)
    return _render(sheet, Form(call.values), values, Findings(preview=preview))


def _connect(call: Call, sheet: Sheet, values: dict[str, Any]) -> Response:
    app, principal = call.app, call.principal
    try:
        storage = storages.connect_storage(app, principal, sheet.draft(values))
    except REFUSALS as error:
        form = Form.refused(call.values, error)
        return _render(sheet, form, values, Findings(), status=400)
    path = sheet.place.path
    may_sync = storage.fields["synchronizable"] and storage.run is None
    if not (call.values.get("sync_now") and may_sync):
        return go_to(call.request, f"{path}storages/{storage.id}/", "storage-connected")
    synced = storages.sync_storage(app, principal, storage.id, storage.purpose)
    number = synced.run.id if synced.run else 0
    return go_to(call.request, f"{path}runs/{number}/", "storage-syncs")


def _open_sheet(call: Call, purpose: object) -> Sheet:
    place = open_project(call, "storages", Permission.MANAGE)
    bound = call.app.catalog.provider(call.request.path_params["provider"])
    wanted = _read_purpose(purpose)
    return Sheet(place, bound, wanted, list_groups(bound, wanted))


def _read_purpose(text: object) -> Purpose:
    return Purpose.EXPORT if text == Purpose.EXPORT.value else Purpose.IMPORT


def _find_origin(call: Call) -> str | None:
    """Where the console's pages are, which would read media from the bucket."""
    return call.request.headers.get("origin")


def _render(
    sheet: Sheet,
    form: Form,
    given: dict[str, Any],
    findings: Findings,
    *,
    status: int | None = None,
) -> Response:
    call = sheet.place.call
    secrets = {n: str(v) for n, v in given.items() if n in sheet.secrets and v}
    values = {
        "bound": sheet.bound,
        "purpose": sheet.purpose,
        "title": _TITLES[sheet.purpose],
        "groups": sheet.groups,
        "names": tuple(field.name for field in sheet.fields),
        "labels": {field.name: field.label for field in sheet.fields},
        "form": form,
        "entered": frozenset(secrets),
        "sealed": seal_secrets(call.app.vault, sheet.owner, secrets),
        "findings": findings,
        "has_detached": _has_detached(sheet),
        "path": f"{sheet.place.path}storages/new/",
    }
    query = f"?purpose={sheet.purpose.value}"
    crumbs = [
        Crumb("Connect", f"{sheet.place.path}storages/new/{query}"),
        Crumb(sheet.bound.info.title),
    ]
    refused = 400 if form.problems else 200
    response = sheet.place.render(
        "storage_connect.html", values, crumbs=crumbs, status=status or refused
    )
    response.headers["Cache-Control"] = "no-store"
    return response
