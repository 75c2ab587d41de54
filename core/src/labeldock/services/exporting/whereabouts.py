"""Where the annotations of a task lie: in which bucket, under which key, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import and_, col, select

from labeldock.db.tables import ExportLink, Outbox, Storage, Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.counters import no_such_task


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """An object that holds an annotation, or (None) the whole task, or should.

    `state` is `delivered`, `waiting`, `retried` or `failed`; `since` is when the object
    was written or seen there last. Files that hold many tasks are not told of.
    """

    annotation_id: int | None
    storage_id: int
    storage: str
    base_uri: str
    key: str
    state: str
    since: datetime | None
    problem: str


def list_whereabouts(
    app: AppContext, principal: Principal, task_id: int
) -> list[Whereabouts]:
    """What export storages hold of a task, and what is still on its way there.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    same = and_(
        col(ExportLink.storage_id) == col(Outbox.storage_id),
        col(ExportLink.key) == col(Outbox.key),
    )
    query = (
        select(Outbox, ExportLink, Storage)
        .join(Storage, col(Storage.id) == col(Outbox.storage_id))
        .outerjoin(ExportLink, same)
        .where(Outbox.task_id == task_id, Outbox.wanted == "present")
        .order_by(col(Outbox.storage_id), col(Outbox.id))
    )
    with app.database.read() as session:
        project_id = session.exec(
            select(Task.project_id).where(Task.id == task_id)
        ).first()
        missing = no_such_task(task_id)
        if project_id is None:
            raise missing
        access.require(session, principal, project_id, Permission.VIEW, hidden=missing)
        return [_view(*row) for row in session.execute(query)]


def _view(row: Outbox, link: ExportLink | None, storage: Storage) -> Whereabouts:
    is_there = link is not None and link.object_exists
    return Whereabouts(
        annotation_id=row.annotation_id,
        storage_id=storage.id,
        storage=storage.title or f"Storage {storage.id}",
        base_uri=storage.base_uri,
        key=row.key,
        state=_find_state(row),
        since=link.seen_at if link is not None and is_there else None,
        problem=_tell(row.problem),
    )


def _find_state(row: Outbox) -> str:
    if row.delivered_version >= row.wanted_version:
        return "delivered"
    if row.has_failed:
        return "failed"
    return "retried" if row.attempts else "waiting"


def _tell(problem: dict[str, Any] | None) -> str:
    return str(problem.get("message", "")) if problem else ""
