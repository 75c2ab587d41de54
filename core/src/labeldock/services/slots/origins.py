"""The slots of a project: rows, and what its import storages stand for without one.

A slot has a row only once it matters that it is not simply its storage: another storage
took its place, its storage was removed, or it was restored. Until then, the storage
itself says where its media come from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlmodel import Session, col, select

from labeldock.contract.values import Purpose
from labeldock.db.slots import Slot
from labeldock.db.tables import Storage
from labeldock.services.storage_fields import join_prefix

SlotState = Literal["connected", "kept", "detached"]


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot as it is shown.

    Attributes:
        id: its number; None if a storage stands for itself.
        name: what people call it; no two of a project have the same.
        provider: the provider of its origin.
        base_uri: what its URIs begin with.
        prefix: what its keys begin with.
        options: plain settings of its origin, without secrets.
        storage_id: the storage that serves it, if one does.
        mapped_prefix: what keys begin with there, in place of `prefix`.
        is_kept: whether its media lie in persistent storage.
        is_own: whether its storage is the very place that its media came from, so that
            links of it that name no slot are of this one.
    """

    id: int | None
    name: str
    provider: str
    base_uri: str
    prefix: str
    options: dict[str, Any]
    storage_id: int | None
    mapped_prefix: str
    is_kept: bool
    is_own: bool = False

    @property
    def state(self) -> SlotState:
        """Whether its media can be had, and where."""
        if self.is_kept:
            return "kept"
        return "detached" if self.storage_id is None else "connected"

    def to_storage_key(self, key: str) -> str:
        """The key in its storage, for one of its origin that begins with `prefix`."""
        return self.mapped_prefix + key.removeprefix(self.prefix)

    def to_origin_key(self, key: str) -> str:
        """The key of its origin, for one in its storage."""
        return self.prefix + key.removeprefix(self.mapped_prefix)


def list_slots(session: Session, project_id: int) -> list[SlotView]:
    """The slots of a project: those with a row by number, then storages by number.

    A link of a storage belongs to the slot that it names (`ImportLink.slot_id`), else
    to the one that the storage stands for (`find_own`).
    """
    rows = load_slots(session, project_id)
    storages = _load_storages(session, project_id)
    own = {slot.id: slot for s in storages if (slot := find_own(rows, s)) is not None}
    views = [replace(view_slot(row), is_own=row.id in own) for row in rows]
    for storage in storages:
        if find_own(rows, storage) is None:
            name = _choose_name(storage, {view.name for view in views})
            prefix = own_prefix(storage)
            views.append(
                SlotView(
                    id=None,
                    name=name,
                    provider=storage.provider,
                    base_uri=storage.base_uri,
                    prefix=prefix,
                    options=dict(storage.settings),
                    storage_id=storage.id,
                    mapped_prefix=prefix,
                    is_kept=False,
                    is_own=True,
                )
            )
    return views


def load_slots(session: Session, project_id: int) -> Sequence[Slot]:
    """The rows of a project's slots."""
    query = select(Slot).where(Slot.project_id == project_id)
    return session.exec(query.order_by(col(Slot.id))).all()


def find_own(slots: Collection[Slot], storage: Storage) -> Slot | None:
    """The slot whose origin is the very place of the storage that serves it."""
    for slot in slots:
        if slot.storage_id == storage.id and is_own(slot, storage):
            return slot
    return None


def is_own(slot: Slot, storage: Storage) -> bool:
    """Whether the storage answers for the slot's URIs by itself, with the same keys."""
    prefix = own_prefix(storage)
    return (slot.base_uri, slot.prefix) == (storage.base_uri, prefix)


def ensure_slot(session: Session, storage: Storage) -> Slot:
    """The slot that a storage stands for, with a row from now on."""
    slots = load_slots(session, storage.project_id)
    found = find_own(slots, storage)
    if found is not None:
        return found
    # The same name as without a row, so that two backups call it the same.
    views = list_slots(session, storage.project_id)
    name = next(v.name for v in views if v.id is None and v.storage_id == storage.id)
    prefix = own_prefix(storage)
    slot = Slot(
        project_id=storage.project_id,
        name=name,
        provider=storage.provider,
        base_uri=storage.base_uri,
        prefix=prefix,
        options=dict(storage.settings),
        storage_id=storage.id,
        mapped_prefix=prefix,
    )
    session.add(slot)
    session.flush()
    return slot


def own_prefix(storage: Storage) -> str:
    """What the keys of a storage begin with."""
    return join_prefix(storage.prefix, is_literal=storage.literal_prefix)


def view_slot(slot: Slot) -> SlotView:
    """The plain values of a slot's row."""
    return SlotView(**slot.model_dump(include=set(SlotView.__slots__) - {"is_own"}))


def _load_storages(session: Session, project_id: int) -> Sequence[Storage]:
    query = select(Storage).where(
        Storage.project_id == project_id, Storage.purpose == Purpose.IMPORT
    )
    return session.exec(query.order_by(col(Storage.id))).all()


def _choose_name(storage: Storage, taken: Collection[str]) -> str:
    wanted = storage.title or f"{storage.base_uri}{own_prefix(storage)}"
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} ({number})"
    return name
