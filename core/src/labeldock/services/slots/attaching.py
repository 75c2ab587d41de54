"""Attaching a storage to a slot: checked first, then keys are mapped in one go.

Tasks are not touched: their URIs keep their meaning, since the slot says where these
lead. Its references become links of the storage, so that a sync of it knows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlmodel import Session, col, func, select

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    LabeldockError,
    NotFound,
)
from labeldock.contract.observers import StorageChanged
from labeldock.contract.values import Availability, Purpose, ValidateRequest
from labeldock.db.columns import utc_now
from labeldock.db.slots import Reference, Slot
from labeldock.db.tables import ImportLink, Storage
from labeldock.services import access, auditing, projects
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import Connection, load_connection
from labeldock.services.context import AppContext
from labeldock.services.slots.checking import (
    CheckReport,
    Expected,
    check_objects,
    sum_up,
)
from labeldock.services.slots.detaching import refuse_syncing
from labeldock.services.slots.moving import (
    is_same_place,
    link_references,
    release_links,
)
from labeldock.services.slots.origins import (
    SlotView,
    ensure_slot,
    list_slots,
    own_prefix,
    view_slot,
)

_log = structlog.get_logger(__name__)
_FIELD = "cloud_storage_id"


@dataclass(frozen=True, slots=True)
class AttachOrder:
    """What is to be attached to what.

    Attributes:
        project_id: the project.
        storage_id: the import storage that is to serve the slot.
        slot: the name of the slot; None if there is but one that it can be.
        prefix: what keys begin with in the storage, in place of the slot's prefix;
            None for the storage's own prefix, or the slot's if it has none.
        sample: how many of the referenced objects to look for before.
        is_dry: only look, and change nothing.
    """

    project_id: int
    storage_id: int
    slot: str | None = None
    prefix: str | None = None
    sample: int = 0
    is_dry: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of it.

    Attributes:
        slot: the slot as it is now.
        linked: how many references are links of the storage now.
        left: how many could not be, since the storage has tasks of its own from these
            objects, or their keys lie elsewhere.
        replaced_id: the storage that it had before.
        report: what was found of the objects, if it was asked for.
    """

    slot: SlotView
    linked: int
    left: int
    replaced_id: int | None
    report: CheckReport | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """An order, looked up: the slot and what its keys will begin with."""

    slot: SlotView
    is_same: bool
    expected: tuple[Expected, ...]


def attach_storage(
    app: AppContext, principal: Principal, order: AttachOrder
) -> Attached:
    """Let a storage serve a slot, in place of the one that does, if one does.

    Raises:
        InvalidInput: the storage is not there, not usable, or of another project; the
            slot is unclear or keeps its media itself; or none of the objects that were
            looked for is there.
        Conflict: a run is at work on one of the storages.
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        plan = _plan(session, principal, order)
    connection = _check_available(app, order.storage_id, plan.slot.mapped_prefix)
    report = None
    if order.sample:
        report = sum_up(check_objects(connection, plan.expected))
        _refuse_if_elsewhere(report)
    if order.is_dry:
        return Attached(plan.slot, 0, 0, None, report)
    attached, project_id = _write(app, principal, order, plan), order.project_id
    event = StorageChanged(
        order.storage_id, project_id, connection.provider.info.name, "updated"
    )
    app.epochs.end(project_id)
    app.catalog.notify("after_storage_changed", event)
    _log.info("storage_attached", project_id=project_id, storage_id=order.storage_id)
    return replace(attached, report=report)


# Looking


def _plan(session: Session, principal: Principal, order: AttachOrder) -> _Plan:
    access.require(session, principal, order.project_id, Permission.MANAGE)
    storage = load_usable_storage(
        session, principal, order.project_id, order.storage_id
    )
    slot = choose_slot(session, order.project_id, order.slot, order.storage_id)
    mapped = _choose_prefix(storage, slot, order.prefix)
    planned = replace(slot, storage_id=storage.id, mapped_prefix=mapped)
    row = session.get(Slot, slot.id) if slot.id is not None else None
    is_same = row is not None and is_same_place(row, storage)
    expected = _sample(session, slot, planned, order.sample, is_same=is_same)
    return _Plan(planned, is_same, expected)


def load_usable_storage(
    session: Session, principal: Principal, project_id: int, storage_id: int
) -> Storage:
    """A storage that somebody may attach to a slot of a project.

    Raises:
        InvalidInput: there is none, or it cannot serve this project.
        NotAllowed: it is not theirs to use.
    """
    storage = session.get(Storage, storage_id)
    if storage is None or storage.purpose != Purpose.IMPORT:
        raise no_such_storage(storage_id)
    try:
        access.require(session, principal, storage.project_id, Permission.MANAGE)
    except NotFound:  # of people whose projects are not even known here
        raise no_such_storage(storage_id) from None
    if storage.project_id != project_id:
        raise InvalidInput(
            f"Storage {storage_id} belongs to project {storage.project_id}.",
            field=_FIELD,
            remedy=f"Connect the bucket to project {project_id} first.",
        )
    return storage


def no_such_storage(storage_id: int) -> InvalidInput:
    """The error for a storage that does not exist, or might as well not."""
    return InvalidInput(
        f"There is no import storage {storage_id}.",
        field=_FIELD,
        remedy="Connect the bucket to the project first.",
    )


def choose_slot(
    session: Session, project_id: int, name: str | None, storage_id: int | None
) -> SlotView:
    """The slot of this name, or the only one that can be meant.

    A storage does not stand for a slot that it is to be attached to.

    Raises:
        InvalidInput: there is none, several could be meant, or its media are kept here.
    """
    slots = [
        slot
        for slot in list_slots(session, project_id)
        if slot.id is not None or slot.storage_id != storage_id
    ]
    names = ", ".join(slot.name for slot in slots) or "none"
    if name is not None:
        chosen = [slot for slot in slots if slot.name == name]
    else:
        can = [slot for slot in slots if not slot.is_kept] or slots
        chosen = [slot for slot in can if slot.state == "detached"] or can
    if len(chosen) != 1:
        raise InvalidInput(
            "It has to be said which slot is meant."
            if chosen
            else "There is no such slot.",
            field="slot",
            remedy=f"The project has: {names}.",
        )
    if chosen[0].is_kept:
        raise InvalidInput(
            f"The media of the slot {chosen[0].name} are kept by Labeldock itself.",
            field=_FIELD,
            remedy="They need no storage.",
        )
    return chosen[0]


def _choose_prefix(storage: Storage, slot: SlotView, wanted: str | None) -> str:
    own = own_prefix(storage)
    if wanted is None:
        return own or slot.prefix
    if not wanted.startswith(own):
        raise InvalidInput(
            f"The storage serves only what begins with {own!r}.",
            field="prefix",
            remedy="Give a prefix within it, or connect the bucket without one.",
        )
    return wanted


def _sample(
    session: Session, slot: SlotView, planned: SlotView, most: int, *, is_same: bool
) -> tuple[Expected, ...]:
    """Some of the objects that are referenced, as far apart as that is cheap."""
    if not most:
        return ()
    table: Any = Reference if slot.storage_id is None else ImportLink
    place = (
        col(Reference.slot_id) == slot.id
        if slot.storage_id is None
        else col(ImportLink.storage_id) == slot.storage_id
    )
    ids = session.exec(
        select(func.min(col(table.id)), func.max(col(table.id))).where(place)
    ).one()
    if ids[0] is None:
        return ()
    step = max(1, (ids[1] - ids[0] + 1) // most)
    query = (
        select(table.key, table.etag, table.size)
        .where(place, col(table.task_id).is_not(None))
        .where((col(table.id) - ids[0]) % step == 0)
        .order_by(col(table.id))
        .limit(most)
    )
    return tuple(
        Expected(
            planned.to_storage_key(slot.to_origin_key(key)),
            etag if is_same else "",
            size,
        )
        for key, etag, size in session.exec(query)
    )


def _check_available(app: AppContext, storage_id: int, prefix: str) -> Connection:
    """Make sure that the bucket is there, and that the credentials are good."""
    try:
        connection = load_connection(app, storage_id)
        request = ValidateRequest(prefix, probe_write=False)
        report = connection.provider.validate(connection.ref, request)
    except LabeldockError as error:
        raise _not_available(storage_id, error.message) from error
    if report.status is not Availability.AVAILABLE:
        reason = report.problems[0].message if report.problems else report.status.value
        raise _not_available(storage_id, reason)
    return connection


def _not_available(storage_id: int, reason: str) -> InvalidInput:
    return InvalidInput(
        f"Storage {storage_id} is not available: {reason}",
        field=_FIELD,
        remedy="Check its settings and credentials.",
    )


def _refuse_if_elsewhere(report: CheckReport) -> None:
    if report.checked and report.counts["missing"] == report.checked:
        raise InvalidInput(
            f"None of {report.checked} referenced objects is in this storage, such as "
            f"{report.problems[0].key!r}.",
            field=_FIELD,
            remedy="Give the prefix that they have there, or another storage.",
        )


# Writing


def _write(
    app: AppContext, principal: Principal, order: AttachOrder, plan: _Plan
) -> Attached:
    def use_case(session: Session) -> Attached:
        seen = _plan(session, principal, replace(order, sample=0))
        if seen.slot != plan.slot:
            raise Conflict(
                "Somebody has changed the slots meanwhile.",
                field="slot",
                remedy="Look at them and try again.",
            )
        storage = session.get_one(Storage, order.storage_id)
        refuse_syncing(session, storage.id)
        slot, replaced = _take_slot(session, order, storage)
        slot.storage_id = storage.id
        slot.mapped_prefix = plan.slot.mapped_prefix
        slot.updated_at = utc_now()
        session.flush()
        linked, left = link_references(session, slot, storage)
        projects.load_project(session, order.project_id).updated_at = utc_now()
        _record(session, principal, slot, storage)
        session.flush()
        return Attached(view_slot(slot), linked, left, replaced, None)

    return app.database.transact(use_case)


def _take_slot(
    session: Session, order: AttachOrder, storage: Storage
) -> tuple[Slot, int | None]:
    """The slot's row, without a storage; and which one it had."""
    view = choose_slot(session, order.project_id, order.slot, storage.id)
    if view.storage_id is None:
        return session.get_one(Slot, view.id), None
    former = session.get_one(Storage, view.storage_id)
    refuse_syncing(session, former.id)
    if view.id is None:
        # It stays connected for what else it has, but would import all of it again.
        slot = ensure_slot(session, former)
        former.synchronizable = False
        former.schedule, former.next_run_at = None, None
    else:
        slot = session.get_one(Slot, view.id)
    release_links(session, slot, former)
    return slot, former.id if former.id != storage.id else None


def _record(
    session: Session, principal: Principal, slot: Slot, storage: Storage
) -> None:
    auditing.record(
        session,
        principal,
        auditing.Deed(
            auditing.Action.STORAGE_ATTACHED,
            "storage",
            storage.id,
            project_id=slot.project_id,
            details={"slot": slot.name},
        ),
    )
