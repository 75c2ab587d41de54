"""Removing many tasks of a project: those that are named, all but those, or all.

Page by page, each in a transaction of its own with its share of the counters, so that
nobody waits for long. What is interrupted has removed whole pages; asked for again, it
goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlmodel import Session, col, delete, func, select, update

from labeldock.db.tables import Project, Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.annotations import ring_deliveries
from labeldock.services.context import AppContext
from labeldock.services.exporting import outbox
from labeldock.services.webhooks.outbox import note_deleted_tasks

PAGE: Final = 5000
"""Tasks removed in one transaction; databases bound a statement's parameters, too."""


def delete_all_tasks(app: AppContext, principal: Principal, project_id: int) -> int:
    """Remove every task that a project has now; how many there were.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    return delete_tasks(app, principal, project_id)


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
    projects, or of none, are passed over, and so are tasks made meanwhile.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        query = select(func.max(Task.id)).where(Task.project_id == project_id)
        last = session.exec(query).one() or 0
    count, storages = 0, set[int]()
    if included is not None:
        pages = _split(sorted(i for i in set(included) if 0 < i <= last))
    else:
        pages = _list_pages(app, project_id, last, excluded)
    for page in pages:
        removed, wanting = _remove_page(app, project_id, page)
        count += removed
        storages.update(wanting)
    ring_deliveries(app, sorted(storages))
    return count


def _split(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), PAGE):
        yield ids[first : first + PAGE]


def _list_pages(
    app: AppContext, project_id: int, last: int, excluded: Collection[int]
) -> Iterator[Sequence[int]]:
    after, kept = 0, frozenset(excluded)
    while True:
        query = (
            select(Task.id)
            .where(Task.project_id == project_id)
            .where(col(Task.id) > after, col(Task.id) <= last)
            .order_by(col(Task.id))
            .limit(PAGE)
        )
        with app.database.read() as session:
            page = list(session.exec(query))
        if not page:
            return
        after = page[-1]
        yield [task_id for task_id in page if task_id not in kept]


def _remove_page(
    app: AppContext, project_id: int, task_ids: Sequence[int]
) -> tuple[int, list[int]]:
    """Remove those of the tasks that are there; and who has to remove files for it."""

    def use_case(session: Session) -> tuple[int, list[int]]:
        mine = select(Task.id).where(
            Task.project_id == project_id, col(Task.id).in_(task_ids)
        )
        locked = mine.order_by(col(Task.id)).with_for_update(key_share=True)
        found = list(session.exec(locked))
        if not found:
            return 0, []
        storages = outbox.unwant_tasks(session, project_id, found)
        shares = _measure(session, found)
        session.execute(delete(Task).where(col(Task.id).in_(found)))
        _take_off(session, project_id, shares)
        batch = app.settings.webhook_batch_size
        note_deleted_tasks(session.connection(), project_id, found, batch=batch)
        return len(found), storages

    return app.database.transact(use_case)


def _measure(session: Session, task_ids: Sequence[int]) -> dict[str, int]:
    """What locked tasks add to the counters of their project."""
    chosen = col(Task.id).in_(task_ids)
    annotations, predictions = session.exec(
        select(
            func.coalesce(func.sum(col(Task.total_annotations)), 0),
            func.coalesce(func.sum(col(Task.total_predictions)), 0),
        ).where(chosen)
    ).one()
    finished = select(func.count(col(Task.id))).where(chosen, Task.is_labeled)
    return {
        "task_number": len(task_ids),
        "total_annotations_number": annotations,
        "total_predictions_number": predictions,
        "finished_task_number": session.exec(finished).one(),
    }


def _take_off(session: Session, project_id: int, shares: dict[str, int]) -> None:
    values = {name: getattr(Project, name) - share for name, share in shares.items()}
    session.execute(update(Project).where(col(Project.id) == project_id).values(values))
