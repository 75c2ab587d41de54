"""Removing many tasks of a project: those that are selected, or all.

Page by page, each in a transaction of its own with its share of the counters, so that
nobody waits for long. What is interrupted has removed whole pages; asked for again, it
goes on with what is left.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, delete

from labeldock.db.tables import Task
from labeldock.services import auditing
from labeldock.services.access import Principal
from labeldock.services.annotations import ring_deliveries
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext
from labeldock.services.counters import measure_tasks, take_off
from labeldock.services.exporting import outbox
from labeldock.services.task_pages import list_pages, lock_present
from labeldock.services.task_selection import EVERY_TASK, TaskSelection
from labeldock.services.webhooks.outbox import note_deleted_tasks

PAGE: Final = 5000
"""Tasks removed in one transaction; databases bound a statement's parameters, too."""


def delete_all_tasks(app: AppContext, principal: Principal, project_id: int) -> int:
    """Remove every task that a project has now; how many there were.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    return delete_tasks(app, principal, project_id, EVERY_TASK)


def delete_tasks(
    app: AppContext, principal: Principal, project_id: int, selection: TaskSelection
) -> int:
    """Remove tasks of a project; how many there were of them.

    Numbers of tasks of other projects, or of none, are passed over, and so are tasks
    made meanwhile.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    count, storages = 0, set[int]()
    for page in list_pages(app, principal, project_id, selection, size=PAGE):
        removed, wanting = _remove_page(app, principal, project_id, page)
        count += removed
        storages.update(wanting)
    ring_deliveries(app, sorted(storages))
    return count


def _remove_page(
    app: AppContext, principal: Principal, project_id: int, task_ids: list[int]
) -> tuple[int, list[int]]:
    """Remove those of the tasks that are there; and who has to remove files for it."""

    def use_case(session: Session) -> tuple[int, list[int]]:
        found = lock_present(session, project_id, task_ids)
        if not found:
            return 0, []
        storages = outbox.unwant_tasks(session, project_id, found)
        share = measure_tasks(session, found)
        session.execute(delete(Task).where(col(Task.id).in_(found)))
        take_off(session.connection(), project_id, share)
        batch = app.settings.webhook_batch_size
        note_deleted_tasks(session.connection(), project_id, found, batch=batch)
        _note(session, principal, project_id, len(found))
        return len(found), storages

    return app.database.transact(use_case)


def _note(session: Session, principal: Principal, project_id: int, count: int) -> None:
    what, details = ("project", project_id), {"number": count}
    deed = Deed(Action.TASKS_DELETED, *what, project_id=project_id, details=details)
    auditing.record(session, principal, deed)
