"""Storages of a Label Studio as slots: where media belong, until one is attached.

Its API never tells a storage's secrets, so no storage can be connected here by itself.
A slot keeps its plain settings for people, and each task's object as a reference: once
a storage is attached, these are its links, and a sync imports none of them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from labeldock.contract.errors import LabeldockError
from labeldock.contract.options import secret_fields
from labeldock.contract.values import Purpose
from labeldock.db.slots import Slot
from labeldock.db.tables import NO_ROW
from labeldock.host.references import select_model, validate_options
from labeldock.services.context import AppContext
from labeldock.services.storage_fields import join_prefix

Values = dict[str, Any]
_LOCAL: Final = {"localfiles", "local"}


@dataclass(frozen=True, slots=True)
class Origin:
    """An import storage there, and the slot that stands for it here.

    Attributes:
        slot: the name of the slot.
        provider: the name of the provider, which is the same here.
        base_uri: what URIs of its objects begin with.
        prefix: what its keys begin with.
        options: plain settings.
        is_blob: whether each object is one task.
    """

    slot: str
    provider: str
    base_uri: str
    prefix: str
    options: Values
    is_blob: bool


def read_origin(app: AppContext, storage: Values, taken: set[str]) -> Origin:
    """The origin that a storage is; its name is none of those taken.

    Raises:
        LabeldockError: it cannot be told where its objects are; says why.
    """
    kind = str(storage.get("type", ""))
    if kind in _LOCAL:
        raise LabeldockError(
            "Folders of another machine cannot be told from those of this one.",
            remedy="Allow the folder here, and connect it to the project.",
        )
    bound = app.catalog.provider(kind)
    model = select_model(bound, Purpose.IMPORT)
    plain = {
        name: storage[name]
        for name in model.model_fields.keys() - secret_fields(model)
        if storage.get(name) is not None
    }
    base_uri = validate_options(bound, Purpose.IMPORT, plain, stored=True).base_uri()
    prefix = join_prefix(str(storage.get("prefix") or ""), is_literal=False)
    wanted = str(storage.get("title") or f"{base_uri}{prefix}")
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} ({number})"
    is_blob = bool(storage.get("use_blob_urls"))
    return Origin(name, kind, base_uri, prefix, plain, is_blob)


def add_slot(session: Session, project_id: int, origin: Origin) -> int:
    """The row of a slot, and its number."""
    slot = Slot(
        project_id=project_id,
        name=origin.slot,
        provider=origin.provider,
        base_uri=origin.base_uri,
        prefix=origin.prefix,
        options=origin.options,
        mapped_prefix=origin.prefix,
    )
    session.add(slot)
    session.flush()
    return slot.id


class ReferenceFinder:
    """Finds the object that each task was made from, going through them in order.

    Rows of a file are numbered as their tasks come; `rows` is where that stands.
    """

    def __init__(self, origins: list[Origin], rows: dict[str, list[Any]]) -> None:
        """Go on where `rows` says: the last key of each slot, and how many it had."""
        self._blobs = [origin for origin in origins if origin.is_blob]
        self._files = [origin for origin in origins if not origin.is_blob]
        self.rows = rows

    def find(self, task: Values) -> list[Values]:
        """The reference of a task; none if it was made by hand."""
        key = str(task.get("storage_filename") or "")
        for origin in self._blobs:
            if (found := key or _find_key(origin, task)) and _has(origin, task, found):
                return [_refer(origin, found, NO_ROW)]
        for origin in self._files:
            if key.startswith(origin.prefix) and key:
                return [_refer(origin, key, self._count_row(origin, key))]
        return []

    def needs_details(self, task: Values) -> bool:
        """Whether only the task's own page can say which file it came from."""
        if task.get("storage_filename") or not self._files:
            return False
        return not any(_find_key(origin, task) for origin in self._blobs)

    def _count_row(self, origin: Origin, key: str) -> int:
        last, count = self.rows.get(origin.slot, ["", 0])
        row = count if last == key else 0
        self.rows[origin.slot] = [key, row + 1]
        return int(row)


def _has(origin: Origin, task: Values, key: str) -> bool:
    return _find_key(origin, task) == key


def _find_key(origin: Origin, task: Values) -> str:
    """The key of the one object that a task shows, if it is of this origin."""
    data = task.get("data")
    texts = data.values() if isinstance(data, dict) else ()
    start = origin.base_uri + origin.prefix
    for text in texts:
        if isinstance(text, str) and text.startswith(start) and "\n" not in text:
            return text.removeprefix(origin.base_uri)
    return ""


def _refer(origin: Origin, key: str, row: int) -> Values:
    return {
        "slot": origin.slot,
        "key": key,
        "row_group": NO_ROW,
        "row_index": row,
        "state": "linked",
        "etag": "",
        "size": 0,
        "last_modified": None,
    }
