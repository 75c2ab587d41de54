"""Where the media of a project, or of one task, come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import func, select
from sqlmodel import Session

from labeldock.db.slots import Reference
from labeldock.db.tables import ImportLink, Task
from labeldock.services import access, projects
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.resolving.data import list_references
from labeldock.services.resolving.storages import MediaSource, load_sources
from labeldock.services.slots.origins import SlotView, list_slots
from labeldock.services.tasks import load_task

_LINK: Final[Any] = ImportLink.__table__  # type: ignore[attr-defined]
_REFERENCE: Final[Any] = Reference.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class SlotUse:
    """A slot, and how many tasks were made from its objects."""

    slot: SlotView
    tasks: int


@dataclass(frozen=True, slots=True)
class MediaMeta:
    """Where media come from.

    Attributes:
        project_id: the project.
        slots: its slots, or those that the one task refers to.
        size: how many tasks it has.
    """

    project_id: int
    slots: tuple[SlotUse, ...]
    size: int

    @property
    def storage(self) -> Literal["cloud_storage", "local"]:
        """What kind of place it is: `local` if all of it lies here."""
        is_here = all(use.slot.is_kept for use in self.slots)
        return "local" if is_here else "cloud_storage"

    @property
    def storage_id(self) -> int | None:
        """The one storage that serves it; None if there is none, or several."""
        ids = {use.slot.storage_id for use in self.slots if not use.slot.is_kept}
        return ids.pop() if len(ids) == 1 else None


def describe_project(
    app: AppContext,
    principal: Principal,
    project_id: int,
    *,
    most_counted: int | None = None,
) -> MediaMeta:
    """Where the media of a project come from.

    With `most_counted`, tasks of a slot are counted up to that number only.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        project = projects.load_project(session, project_id)
        uses = _count_uses(session, list_slots(session, project_id), most_counted)
        return MediaMeta(project_id, uses, project.task_number)


def describe_task(app: AppContext, principal: Principal, task_id: int) -> MediaMeta:
    """Where the media of a task come from.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        task = load_task(session, principal, task_id, Permission.VIEW)
        used = _find_used(app, session, task)
        slots = [
            slot
            for slot in list_slots(session, task.project_id)
            if slot.id in used.slot_ids or slot.storage_id in used.storage_ids
        ]
        return MediaMeta(task.project_id, _count_uses(session, slots), 1)


@dataclass(frozen=True, slots=True)
class _Used:
    """What a task refers to: slots with a row, and storages without one."""

    slot_ids: frozenset[int]
    storage_ids: frozenset[int]


def _find_used(app: AppContext, session: Session, task: Task) -> _Used:
    sources = load_sources(app.catalog, session, task.project_id)
    found = (sources.find(uri, None) for uri in list_references(sources, task.data))
    used: list[MediaSource] = [located.source for located in found if located]
    slot_ids = {source.slot_id for source in used if source.slot_id is not None}
    storage_ids = {source.id for source in used if source.slot_id is None}
    reference = select(_REFERENCE.c.slot_id).where(_REFERENCE.c.task_id == task.id)
    slot_ids.update(session.execute(reference).scalars())
    link = select(_LINK.c.slot_id, _LINK.c.storage_id).where(_LINK.c.task_id == task.id)
    for slot_id, storage_id in session.execute(link):
        if slot_id is None:
            storage_ids.add(storage_id)
        else:
            slot_ids.add(slot_id)
    return _Used(frozenset(slot_ids), frozenset(storage_ids))


def _count_uses(
    session: Session, slots: list[SlotView], most: int | None = None
) -> tuple[SlotUse, ...]:
    return tuple(SlotUse(slot, _count_tasks(session, slot, most)) for slot in slots)


def _count_tasks(session: Session, slot: SlotView, most: int | None) -> int:
    total = _count(session, _REFERENCE, _REFERENCE.c.slot_id == slot.id, most)
    if slot.storage_id is not None:
        named = _LINK.c.slot_id == slot.id
        mine = named | _LINK.c.slot_id.is_(None) if slot.is_own else named
        place = (_LINK.c.storage_id == slot.storage_id) & mine
        total += _count(session, _LINK, place, most)
    return total if most is None else min(total, most)


def _count(session: Session, table: Any, place: Any, most: int | None) -> int:
    """How many rows of a place have a task."""
    found = select(table.c.task_id).where(place, table.c.task_id.is_not(None))
    rows = found.limit(most).subquery()
    return int(session.execute(select(func.count()).select_from(rows)).scalar_one())
