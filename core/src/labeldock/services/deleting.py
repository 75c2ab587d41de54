"""Removing many tasks of a project at once: those that are named, or all but those."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlmodel import Session, col, delete, select

from labeldock.db.tables import Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.annotations import ring_deliveries
from labeldock.services.context import AppContext
from labeldock.services.counters import lock_tasks
from labeldock.services.exporting import outbox
from labeldock.services.tasks import recount_tasks

_AT_ONCE: Final = 5000  # parameters of a statement, which databases bound


def delete_tasks(
    app: AppContext,
    principal: Principal,
    project_id: int,
    *,
    included: Collection[int] | None = None,
    excluded: Collection[int] = (),
) -> int:
    """Remove tasks of a project; how many there were of them.

    With `included`, those; otherwise all but the `excluded`. Numbers of tasks of other
    projects, or of none, are passed over.

    Raises:
        NotFound, NotAllowed: as they say.
    """

    def use_case(session: Session) -> tuple[int, list[int]]:
        access.require(session, principal, project_id, Permission.MANAGE)
        ids = _find_tasks(session, project_id)
        chosen = ids & set(included) if included is not None else ids - set(excluded)
        storages: set[int] = set()
        for part in _split(sorted(chosen)):
            lock_tasks(session, part)
            storages |= set(outbox.unwant_tasks(session, project_id, part))
            session.execute(delete(Task).where(col(Task.id).in_(part)))
        recount_tasks(session, project_id)
        return len(chosen), sorted(storages)

    count, storages = app.database.transact(use_case)
    ring_deliveries(app, storages)
    return count


def _find_tasks(session: Session, project_id: int) -> set[int]:
    return set(session.exec(select(Task.id).where(Task.project_id == project_id)))


def _split(ids: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]
