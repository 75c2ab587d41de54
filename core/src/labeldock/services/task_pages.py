"""The selected tasks of a project, page by page, for what is done with many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlmodel import Session, col, func, select

from labeldock.db.tables import Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.task_selection import TaskSelection


def list_pages(
    app: AppContext,
    principal: Principal,
    project_id: int,
    selection: TaskSelection,
    *,
    size: int,
) -> Iterator[list[int]]:
    """Numbers of the tasks that are there now, those that are made meanwhile left out.

    Numbers of tasks of other projects, or of none, are passed over.

    Raises:
        NotFound, NotAllowed: as they say, of somebody who may not manage the project.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        newest = select(func.max(Task.id)).where(Task.project_id == project_id)
        last = session.exec(newest).one() or 0
    if selection.included is not None:
        known = tuple(i for i in selection.included if 0 < i <= last)
        selection = replace(selection, included=known)
    after = 0
    while True:
        query = select(Task.id).where(
            Task.project_id == project_id, col(Task.id) > after, col(Task.id) <= last
        )
        page_query = selection.narrow(query).order_by(col(Task.id)).limit(size)
        with app.database.read() as session:
            page = list(session.exec(page_query))
        if not page:
            return
        after = page[-1]
        yield page


def lock_present(session: Session, project_id: int, task_ids: list[int]) -> list[int]:
    """Those of the tasks that are there still; nobody changes them for now."""
    mine = select(Task.id).where(
        Task.project_id == project_id, col(Task.id).in_(task_ids)
    )
    return list(
        session.exec(mine.order_by(col(Task.id)).with_for_update(key_share=True))
    )
