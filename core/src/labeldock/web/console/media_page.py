"""Where a project's media come from: its slots, and the storages that serve them."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.values import Purpose
from labeldock.services import storages
from labeldock.services.access import Permission
from labeldock.services.slots.attaching import AttachOrder, attach_storage
from labeldock.services.slots.checking import CheckReport
from labeldock.services.slots.detaching import detach_slot
from labeldock.services.slots.meta import SlotUse, describe_project
from labeldock.web.console.forms import REFUSALS, Form, read_number, read_texts
from labeldock.web.console.notes import go_to
from labeldock.web.console.storage_views import name_storage
from labeldock.web.console.workplace import Workplace, open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_PATH: Final = "/projects/{id:int}/media"
_SAMPLE: Final = 20
_MOST_COUNTED: Final = 2_000
_NAMES: Final = {"cloud_storage_id": "storage"}
_STATES: Final = {
    "connected": ("good", "Connected"),
    "kept": ("good", "Kept here"),
    "detached": ("warn", "Not connected"),
}


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/", GET=show_media, POST=attach),
        build_route(f"{_PATH}/detach/", POST=detach),
    ]


@page(Permission.VIEW)
def show_media(call: Call) -> Response:
    """The places that media come from."""
    return _show(open_project(call, "media"))


def _show(
    place: Workplace, form: Form | None = None, report: CheckReport | None = None
) -> Response:
    call = place.call
    meta = describe_project(
        call.app, call.principal, place.project.id, most_counted=_MOST_COUNTED
    )
    found = storages.list_storages(
        call.app, call.principal, place.project.id, Purpose.IMPORT, most_counted=1
    )
    names = {each.id: name_storage(each) for each in found}
    values = {
        "slots": [_view(use, names) for use in meta.slots],
        "storages": [(str(number), name) for number, name in names.items()],
        "form": form or Form(),
        "report": report,
        "path": f"{place.path}media/",
    }
    return place.render("media.html", values, status=400 if form else 200)


def _view(use: SlotUse, names: dict[int, str]) -> dict[str, Any]:
    slot = use.slot
    tone, status = _STATES[slot.state]
    return {
        "id": slot.id,
        "name": slot.name,
        "origin": slot.base_uri + slot.prefix,
        "tone": tone,
        "status": status,
        "state": slot.state,
        "tasks": use.tasks,
        "is_more": use.tasks == _MOST_COUNTED,
        "storage": str(slot.storage_id or ""),
        "storage_name": names.get(slot.storage_id or 0, ""),
        "own": slot.prefix,
        "prefix": slot.mapped_prefix,
        "may_detach": slot.id is not None
        and slot.storage_id is not None
        and not slot.is_own,
    }


@page(Permission.MANAGE)
def attach(call: Call) -> Response:
    """Let a storage serve a slot; with `check`, look for some objects only."""
    place = open_project(call, "media", Permission.MANAGE)
    texts = read_texts(call, "slot", "storage", "prefix")
    prefix = texts["prefix"] if "use_prefix" in call.values else None
    try:
        order = AttachOrder(
            place.project.id,
            read_number(texts["storage"], "storage") or 0,
            slot=texts["slot"] or None,
            prefix=prefix,
            sample=_SAMPLE,
            is_dry=call.values.get("action") == "check",
        )
        if not order.storage_id or _is_there_already(place, order):
            return go_to(call.request, f"{place.path}media/", "media-unchanged")
        attached = attach_storage(call.app, call.principal, order)
    except REFUSALS as error:
        return _show(place, Form.refused(call.values, error, _NAMES))
    if order.is_dry:
        return _show_findings(place, call.values, attached.report)
    return go_to(call.request, f"{place.path}media/", "media-attached")


def _is_there_already(place: Workplace, order: AttachOrder) -> bool:
    """Whether the selector was left at the storage that serves the slot.

    One that stands for itself cannot be looked into as if it took its own place.
    """
    call = place.call
    meta = describe_project(call.app, call.principal, place.project.id, most_counted=1)
    slots = [use.slot for use in meta.slots if use.slot.name == order.slot]
    if not slots or slots[0].storage_id != order.storage_id:
        return False
    return slots[0].id is None or (order.prefix is None and not order.is_dry)


def _show_findings(
    place: Workplace, values: dict[str, Any], report: CheckReport | None
) -> Response:
    response = _show(place, Form(values), report)
    response.status_code = 200
    return response


@page(Permission.MANAGE)
def detach(call: Call) -> Response:
    """Take the storage of a slot away."""
    place = open_project(call, "media", Permission.MANAGE)
    try:
        number = read_number(read_texts(call, "slot")["slot"], "slot") or 0
        detach_slot(call.app, call.principal, place.project.id, number)
    except REFUSALS as error:
        return _show(place, Form.refused({}, error))
    return go_to(call.request, f"{place.path}media/", "media-detached")
