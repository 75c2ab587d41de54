"""Taking storages away: their tasks stay readable, their media wait for another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import exists, func, select
from sqlmodel import Session, col

from labeldock.contract.errors import Conflict, InvalidInput, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.columns import utc_now
from labeldock.db.slots import Slot
from labeldock.db.tables import ImportLink, Storage, Task
from labeldock.services import access, auditing, projects, runs
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.slots.moving import release_links
from labeldock.services.slots.origins import (
    SlotView,
    ensure_slot,
    is_own,
    list_slots,
    load_slots,
    view_slot,
)

_log = structlog.get_logger(__name__)
_WARNING: Final = (
    "Media of {tasks} tasks come from this storage and could not be shown any more, "
    "until another storage takes its place. The tasks and their {annotations} "
    "annotations stay."
)


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a storage would mean.

    Attributes:
        storage_id: the storage.
        tasks: how many tasks were made from its objects.
        annotations: how many annotations these have.
        slots: names of the slots that would be detached.
        warning: the same as a sentence; None if nothing would be detached.
    """

    storage_id: int
    tasks: int
    annotations: int
    slots: tuple[str, ...]
    warning: str | None


def describe_removal(app: AppContext, principal: Principal, storage_id: int) -> Removal:
    """What would be detached if a storage was removed; nothing is changed.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"There is no storage {storage_id}.", field="storage")
        access.require(session, principal, storage.project_id, Permission.VIEW)
        if storage.purpose != Purpose.IMPORT:
            return Removal(storage_id, 0, 0, (), None)
        tasks, annotations = _count_tasks(session, storage_id)
        names = _name_slots(session, storage) if _is_needed(session, storage) else ()
    if not names:
        return Removal(storage_id, tasks, annotations, (), None)
    warning = _WARNING.format(tasks=tasks, annotations=annotations)
    return Removal(storage_id, tasks, annotations, names, warning)


def detach_storage(session: Session, storage: Storage) -> list[SlotView]:
    """Make a storage's links into references of slots, before it is removed.

    Returns the slots that are without a storage from now on; none if there is nothing
    that could refer to it.
    """
    if storage.purpose != Purpose.IMPORT or not _is_needed(session, storage):
        return []
    own = ensure_slot(session, storage)
    detached = []
    for slot in load_slots(session, storage.project_id):
        if slot.storage_id == storage.id or slot.id == own.id:
            release_links(session, slot, storage)
            _detach(slot)
            detached.append(slot)
    session.flush()
    return [view_slot(slot) for slot in detached]


def detach_slot(
    app: AppContext, principal: Principal, project_id: int, slot_id: int
) -> SlotView:
    """Take the storage away that another one's place was given to.

    Raises:
        InvalidInput: the slot is not connected, or its storage would answer for its
            media in any case, since it is where they came from.
        Conflict: its storage is being synced.
        NotFound, NotAllowed: as they say.
    """
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        slot = load_slot(session, project_id, slot_id)
        storage = session.get(Storage, slot.storage_id) if slot.storage_id else None
        if storage is None:
            raise InvalidInput(
                f"The slot {slot.name} is not connected to a storage.",
                field="cloud_storage_id",
            )
        if is_own(slot, storage):
            raise InvalidInput(
                f"Storage {storage.id} is where these media come from, so it would go "
                "on to answer for them.",
                field="cloud_storage_id",
                remedy="Delete the storage instead; its tasks stay readable.",
            )
        refuse_syncing(session, storage.id)
        release_links(session, slot, storage)
        _detach(slot)
        projects.load_project(session, project_id).updated_at = utc_now()
        _record(session, principal, slot, storage)
        session.flush()
        view = view_slot(slot)
    app.epochs.end(project_id)
    _log.info("slot_detached", project_id=project_id, slot_id=slot_id)
    return view


def refuse_syncing(session: Session, storage_id: int) -> None:
    """Make sure that no import compares links that are about to move.

    Raises:
        Conflict: one does, or will when it goes on.
    """
    active = runs.find_active(session, storage_id, Purpose.IMPORT.value)
    if active is not None:
        raise Conflict(
            f"Storage {storage_id} is being synced by run {active.id}.",
            field="cloud_storage_id",
            remedy="Wait for it, or cancel it.",
        )


def load_slot(session: Session, project_id: int, slot_id: int) -> Slot:
    """The row of a project's slot.

    Raises:
        NotFound: there is none.
    """
    slot = session.get(Slot, slot_id)
    if slot is None or slot.project_id != project_id:
        raise NotFound(f"There is no slot {slot_id}.", field="slot")
    return slot


def _record(
    session: Session, principal: Principal, slot: Slot, storage: Storage
) -> None:
    auditing.record(
        session,
        principal,
        auditing.Deed(
            auditing.Action.STORAGE_DETACHED,
            "storage",
            storage.id,
            project_id=slot.project_id,
            details={"slot": slot.name},
        ),
    )


def _detach(slot: Slot) -> None:
    slot.storage_id = None
    slot.mapped_prefix = slot.prefix
    slot.updated_at = utc_now()


def _is_needed(session: Session, storage: Storage) -> bool:
    """Whether any task could refer to the storage, as far as that is told quickly."""
    query = select(exists().where(col(Task.project_id) == storage.project_id))
    return bool(session.execute(query).scalar())


def _count_tasks(session: Session, storage_id: int) -> tuple[int, int]:
    total: Any = func.coalesce(
        func.sum(col(Task.total_annotations) + col(Task.cancelled_annotations)), 0
    )
    query = (
        select(func.count(), total)
        .select_from(ImportLink)
        .join(Task, col(Task.id) == col(ImportLink.task_id))
        .where(col(ImportLink.storage_id) == storage_id)
    )
    row = session.execute(query).one()
    return int(row[0]), int(row[1])


def _name_slots(session: Session, storage: Storage) -> tuple[str, ...]:
    slots = list_slots(session, storage.project_id)
    return tuple(slot.name for slot in slots if slot.storage_id == storage.id)
