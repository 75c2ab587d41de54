"""A storage: how it stands, its settings without secrets, its runs, and its changes."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import Purpose
from labeldock.services import dry_runs, run_reports, storages
from labeldock.services.access import Permission
from labeldock.services.exporting.deliveries import (
    DeliveryState,
    list_deliveries,
    retry_deliveries,
)
from labeldock.services.storages import StorageView
from labeldock.web.console.forms import REFUSALS, Form
from labeldock.web.console.notes import go_to
from labeldock.web.console.run_charts import draw_history, draw_latency
from labeldock.web.console.run_views import view_run_line
from labeldock.web.console.shell import Crumb
from labeldock.web.console.storage_forms import (
    FieldGroup,
    FormField,
    list_fields,
    list_groups,
    read_values,
    show_values,
)
from labeldock.web.console.storage_list import load_storage
from labeldock.web.console.storage_views import name_storage, view_storage
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_RUNS: Final = 20
_FAILED: Final = 20
_PATH: Final = "/projects/{id:int}/storages/{storage:int}"


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/", GET=show_storage),
        build_route(f"{_PATH}/edit/", GET=show_form, POST=save),
        build_route(f"{_PATH}/delete/", GET=ask_removal, POST=remove),
        build_route(f"{_PATH}/dry-run/", POST=try_sync),
        build_route(f"{_PATH}/deliveries/retry/", POST=retry_failed),
    ]


@page(Permission.VIEW)
def show_storage(call: Call) -> Response:
    """A storage in full."""
    place = open_project(call, "storages")
    storage = load_storage(call, place)
    lines = run_reports.list_lines(
        call.app,
        call.principal,
        place.project.id,
        storage_id=storage.id,
        limit=_RUNS,
    )
    rows = [view_run_line(line) for line in lines]
    latencies = run_reports.list_latencies(call.app, call.principal, storage.id)
    charts = (draw_history(rows), draw_latency(latencies))
    line = view_storage(storage)
    values = {
        "storage": storage,
        "line": line,
        "rows": rows,
        "charts": [chart for chart in charts if chart is not None],
        "settings": _list_settings(call, storage),
        "failed": _list_failed(call, storage),
        "is_active": line.is_active,
        "path": f"{place.path}storages/{storage.id}/",
    }
    crumbs = [Crumb(name_storage(storage))]
    return place.render("storage.html", values, crumbs=crumbs)


def _list_failed(call: Call, storage: StorageView) -> list[Any]:
    """Deliveries that were given up, which nothing tries again by itself."""
    if storage.deliveries is None or not storage.deliveries.failed:
        return []
    state = DeliveryState.FAILED
    return list_deliveries(call.app, call.principal, storage.id, state, limit=_FAILED)


def _find_groups(call: Call, storage: StorageView) -> list[FieldGroup]:
    """The fields of its provider; none while that cannot be used."""
    try:
        bound = call.app.catalog.provider(storage.provider)
    except LabeldockError:
        return []
    return list_groups(bound, storage.purpose)


def _list_settings(
    call: Call, storage: StorageView
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Labels and values by group; of a secret, only whether it is set."""
    known = {**storage.fields, **storage.settings}
    found = []
    for group in _find_groups(call, storage):
        pairs = [
            (field.label, _say(field, known.get(field.name), storage))
            for field in group.fields
            if field.name in storage.secrets_set or field.name in known
        ]
        shown = [(label, text) for label, text in pairs if text]
        if shown:
            found.append((group.title, shown))
    return found


def _say(field: FormField, value: Any, storage: StorageView) -> str:
    if field.name in storage.secrets_set:
        return "set, and never shown"
    words = dict(field.options).get(str(value))
    if words is not None and value is not None:
        return words
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


@page(Permission.MANAGE)
def show_form(call: Call, form: Form | None = None) -> Response:
    """The form with the settings of a storage."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    groups = _find_groups(call, storage)
    fields = list_fields(groups)
    values = {
        "storage": storage,
        "groups": groups,
        "names": tuple(field.name for field in fields),
        "form": form or Form(show_values(fields, storage)),
        "path": f"{place.path}storages/{storage.id}/",
    }
    crumbs = [
        Crumb(name_storage(storage), f"{place.path}storages/{storage.id}/"),
        Crumb("Change"),
    ]
    status = 400 if form else 200
    return place.render("storage_edit.html", values, crumbs=crumbs, status=status)


@page(Permission.MANAGE)
def save(call: Call) -> Response:
    """Change a storage; secrets that are left empty stay as they are."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    fields = list_fields(_find_groups(call, storage))
    values = read_values(fields, call.values, keeps_secrets=True)
    known = {**storage.fields, **storage.settings}
    changes = {
        name: value
        for name, value in values.items()
        if name not in known or not _is_same(known[name], value)
    }
    try:
        storages.update_storage(
            call.app, call.principal, storage.id, storage.purpose, changes
        )
    except REFUSALS as error:
        return show_form(call, Form.refused(call.values, error))
    return go_to(call.request, f"{place.path}storages/{storage.id}/", "saved")


def _is_same(known: Any, sent: Any) -> bool:
    """Whether a field was left as it is; forms know texts only."""
    if isinstance(known, bool) or isinstance(sent, bool):
        return known is sent
    return str("" if known is None else known) == str("" if sent is None else sent)


@page(Permission.MANAGE)
def ask_removal(call: Call) -> Response:
    """Say what goes and what stays, and ask."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    path = f"{place.path}storages/{storage.id}/"
    values = {
        "storage": storage,
        "title": name_storage(storage),
        "is_import": storage.purpose is Purpose.IMPORT,
        "is_busy": storage.run is not None and storage.run.state == "in_progress",
        "path": path,
    }
    crumbs = [Crumb(name_storage(storage), path), Crumb("Disconnect")]
    return place.render("storage_delete.html", values, crumbs=crumbs)


@page(Permission.MANAGE)
def remove(call: Call) -> Response:
    """Disconnect a storage."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    storages.remove_storage(call.app, call.principal, storage.id, storage.purpose)
    return go_to(call.request, f"{place.path}storages/", "storage-removed")


@page(Permission.MANAGE)
def try_sync(call: Call) -> Response:
    """Ask what a sync would do, and go to that run."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    run = dry_runs.request_dry_run(call.app, call.principal, storage.id)
    return go_to(call.request, f"{place.path}runs/{run.id}/", "sync-asked")


@page(Permission.MANAGE)
def retry_failed(call: Call) -> Response:
    """Try the deliveries again that were given up."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    count = retry_deliveries(call.app, call.principal, storage.id)
    path = f"{place.path}storages/{storage.id}/"
    return go_to(call.request, path, "deliveries-retried", count)
