"""A whole project queued for a run, page by page, and how far its deliveries are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func
from sqlmodel import col, exists, select

from labeldock.db.tables import Annotation, ExportLink, Task
from labeldock.services.exporting.keys import Item
from labeldock.services.exporting.kinds import Payload
from labeldock.services.exporting.plans import Plan
from labeldock.services.exporting.wishes import OUTBOX, want_items

_TASK_VERSION: Final = col(Task.version)
_ANNOTATION_VERSION: Final = col(Annotation.version)


class Window(NamedTuple):
    """Which items are looked at: beyond a number, and how many.

    `only_new` leaves out what lies in the storage as it is now.
    """

    after: int
    limit: int
    only_new: bool = False


@dataclass(frozen=True, slots=True)
class Stocktaking:
    """Some items of a project, queued for a run; `last_id` None: there are no more."""

    queued: int
    last_id: int | None


def want_page(
    connection: Connection,
    storage_id: int,
    plan: Plan,
    window: Window,
    *,
    run_id: int,
) -> Stocktaking:
    """Queue the next items of a project for a storage, as part of a run."""
    query = _select_items(storage_id, plan, only_new=window.only_new)
    found = connection.execute(_limit(query, plan, window)).all()
    items = [Item(row.task_id, row.annotation_id) for row in found if row.is_wanted]
    queued = want_items(connection, storage_id, plan, items, run_id=run_id)
    if not found:
        return Stocktaking(queued, None)
    last = Item(found[-1].task_id, found[-1].annotation_id)
    return Stocktaking(queued, last.number)


def select_items(plan: Plan, window: Window) -> Any:
    """The query of some of a project's items, by number."""
    return _limit(_select_items(0, plan, only_new=False), plan, window)


def _limit(query: Any, plan: Plan, window: Window) -> Any:
    number = _number(plan)
    return query.where(number > window.after).order_by(number).limit(window.limit)


def _number(plan: Plan) -> Any:
    return col(Task.id) if plan.is_by_task else col(Annotation.id)


def _select_items(storage_id: int, plan: Plan, *, only_new: bool) -> Any:
    wanted = ~_is_there(storage_id, plan) if only_new else _TASK_VERSION > 0
    has_annotation = exists().where(col(Annotation.task_id) == col(Task.id))
    if plan.is_by_task:
        query: Any = select(
            col(Task.id).label("task_id"),
            func.nullif(0, 0).label("annotation_id"),
            wanted.label("is_wanted"),
        ).where(has_annotation, col(Task.project_id) == plan.project_id)
        return query
    return (
        select(
            col(Annotation.task_id).label("task_id"),
            col(Annotation.id).label("annotation_id"),
            wanted.label("is_wanted"),
        )
        .join(Task, col(Task.id) == col(Annotation.task_id))
        .where(col(Annotation.project_id) == plan.project_id)
    )


def _is_there(storage_id: int, plan: Plan) -> Any:
    """Whether the storage has been seen to hold an item as it is now."""
    known = exists().where(
        col(ExportLink.storage_id) == storage_id,
        col(ExportLink.object_exists),
        col(ExportLink.content_version) == count_content(plan),
    )
    if plan.is_by_task:
        return known.where(
            col(ExportLink.task_id) == col(Task.id),
            col(ExportLink.annotation_id).is_(None),
        )
    return known.where(col(ExportLink.annotation_id) == col(Annotation.id))


def count_content(plan: Plan) -> Any:
    """The version of what would be written: it grows with every change of it."""
    if plan.is_by_task:
        return _TASK_VERSION
    if plan.payload is Payload.ANNOTATION_WITH_TASK:
        return _ANNOTATION_VERSION + _TASK_VERSION
    return _ANNOTATION_VERSION


def count_run(connection: Connection, run_id: int) -> dict[str, int]:
    """How the deliveries of a run stand: total, delivered, failed, waiting."""
    done = OUTBOX.c.delivered_version >= OUTBOX.c.wanted_version
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(done),
            func.count().filter(~done & OUTBOX.c.has_failed),
        ).where(OUTBOX.c.run_id == run_id)
    ).one()
    total, delivered, failed = row
    return {
        "total": total,
        "delivered": delivered,
        "failed": failed,
        "waiting": total - delivered - failed,
    }
