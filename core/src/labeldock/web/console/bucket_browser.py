"""The bucket behind a storage: folder by folder, and one object in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from labeldock.contract.errors import InvalidInput, LabeldockError, StorageError
from labeldock.contract.values import Purpose
from labeldock.services.access import Permission
from labeldock.services.buckets.folders import Folder, open_folder
from labeldock.services.buckets.objects import look_at_object
from labeldock.services.buckets.states import ObjectState
from labeldock.services.storage_fields import join_prefix
from labeldock.services.storages import StorageView
from labeldock.web.console.shell import Crumb
from labeldock.web.console.storage_list import load_storage
from labeldock.web.console.storage_views import name_storage
from labeldock.web.console.workplace import open_project
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import page

_PATH: Final = "/projects/{id:int}/storages/{storage:int}"
# State of an object -> the tone and the words of its mark.
_WORDS: Final = {
    "new": ("accent", "not imported"),
    "filtered": ("idle", "dropped by the filter"),
    "task": ("good", "imported"),
    "changed": ("warn", "changed since"),
    "empty": ("idle", "no task in it"),
    "failed": ("bad", "failed"),
    "kept_away": ("idle", "kept away"),
    "written": ("good", "written here"),
}
_NOT_OURS: Final = ("idle", "not from here")


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [
        build_route(f"{_PATH}/browse/", GET=show_folder),
        build_route(f"{_PATH}/object/", GET=show_object),
    ]


@dataclass(frozen=True, slots=True)
class Mark:
    """How the state of an object is shown."""

    tone: str
    text: str
    task_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """A folder on the way from the storage's own to the one that is shown."""

    name: str
    path: str


def mark_state(state: ObjectState, purpose: Purpose) -> Mark:
    """The mark of an object."""
    tone, text = _WORDS[state.name]
    if purpose is Purpose.EXPORT and state.name == "new":
        tone, text = _NOT_OURS
    if state.tasks > 1:
        text = f"{text}, {state.tasks} tasks"
    return Mark(tone, text, state.task_id, state.message)


@page(Permission.MANAGE)
def show_folder(call: Call) -> Response:
    """A page of a folder; `prefix` says which, `cursor` where the page begins."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    prefix = call.request.query_params.get("prefix")
    problem, folder = None, None
    try:
        cursor = call.query_text("cursor")
        folder = open_folder(call.app, call.principal, storage.id, prefix, cursor)
    except (StorageError, InvalidInput) as error:
        problem = error
    base = f"{place.path}storages/{storage.id}/"
    values = {
        "storage": storage,
        "title": name_storage(storage),
        "path": base,
        "problem": problem,
        "folder": folder,
        "steps": list(_iterate_steps(base, folder)) if folder else [],
        "rows": _list_rows(base, storage, folder) if folder else [],
        "more": _name_folder(base, folder.prefix, folder.cursor) if folder else "",
    }
    crumbs = _lead_to(storage, base, Crumb("Browse"))
    status = 200 if folder else 400
    return place.render("bucket.html", values, crumbs=crumbs, status=status)


def _list_rows(
    base: str, storage: StorageView, folder: Folder
) -> dict[str, list[dict[str, Any]]]:
    folders = [
        {"folder": each, "path": _name_folder(base, each.prefix)}
        for each in folder.folders
    ]
    objects = [
        {
            "entry": each,
            "mark": mark_state(each.state, storage.purpose),
            "path": f"{base}object/?{urlencode({'key': each.info.key})}",
        }
        for each in folder.entries
    ]
    return {"folders": folders, "objects": objects}


def _iterate_steps(base: str, folder: Folder) -> Iterator[Step]:
    """The storage's own folder, and those down to the one that is shown."""
    root = folder.root
    yield Step(root or "The whole bucket", _name_folder(base, root))
    parts = folder.prefix[len(root) :].split("/")[:-1]
    for number, part in enumerate(parts, 1):
        prefix = root + "".join(f"{each}/" for each in parts[:number])
        yield Step(part, _name_folder(base, prefix))


def _name_folder(base: str, prefix: str, cursor: str | None = None) -> str:
    query = {"prefix": prefix} | ({"cursor": cursor} if cursor else {})
    return f"{base}browse/?{urlencode(query)}"


@page(Permission.MANAGE)
def show_object(call: Call) -> Response:
    """One object: what it is, what became of it, and how it looks."""
    place = open_project(call, "storages", Permission.MANAGE)
    storage = load_storage(call, place)
    key = call.request.query_params.get("key", "")
    base = f"{place.path}storages/{storage.id}/"
    folder = key.rpartition("/")[0]
    back = _name_folder(base, f"{folder}/" if folder else "")
    values: dict[str, Any] = {"storage": storage, "key": key, "back": back}
    values |= {"problem": None, "glimpse": None, "mark": None}
    values["restore"] = _find_restore(storage, key)
    status = 200
    try:
        glimpse = look_at_object(call.app, call.principal, storage.id, key)
        mark = mark_state(glimpse.state, storage.purpose)
        values |= {"glimpse": glimpse, "mark": mark}
    except (StorageError, InvalidInput) as error:
        values["problem"], status = error, _find_status(error)
    crumbs = _lead_to(storage, base, Crumb("Browse", back), Crumb(key))
    return place.render("bucket_object.html", values, crumbs=crumbs, status=status)


def _find_restore(storage: StorageView, key: str) -> str:
    """Where a project is restored of an object; empty if it is no archive."""
    fields = storage.fields
    prefix = join_prefix(fields["prefix"], is_literal=fields["literal_prefix"])
    if not (key.lower().endswith(".zip") and key.startswith(prefix)):
        return ""
    query = {"storage": storage.id, "key": key.removeprefix(prefix)}
    return f"/restore/?{urlencode(query)}"


def _find_status(error: LabeldockError) -> int:
    return 404 if error.code == "object_not_found" else 400


def _lead_to(storage: StorageView, base: str, *further: Crumb) -> list[Crumb]:
    return [Crumb(name_storage(storage), base), *further]
