"""Who labels which task: the next one, locked for a while, so that no two work alike.

A task is wanted while it lacks annotations (`overlap`), counting those who work on it
now. A lock is a short lease by the database's clock: whoever goes away without a word
keeps nobody waiting for long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from sqlmodel import Session, and_, col, delete, exists, func, select, update

from labeldock.db.tables import Annotation, Project, Task
from labeldock.db.task_locks import TaskLock
from labeldock.db.types import database_now
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.counters import no_such_task
from labeldock.services.project_interface import show_interface

LEASE_SECONDS: Final = 15 * 60.0
"""How long a task is kept for somebody whose page cannot say that it is still open."""
RENEWED_SECONDS: Final = 2 * 60.0
"""How long it is kept after a page has said so."""
_CLAIMS: Final = 50


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for: tasks that this person can label, after a place, or all."""

    project_id: int
    user_id: int
    skips: str
    after: int = 0
    is_again: bool = False  # also what this person skipped


def claim_next(
    app: AppContext, principal: Principal, project_id: int, *, after: int = 0
) -> int | None:
    """The number of the task to label next, locked for the caller; None if all is done.

    A task that the caller holds already comes first. The search begins after a place in
    the project's order, and goes on at the start of it.

    Args:
        app: the parts.
        principal: who labels.
        project_id: the project.
        after: the `inner_id` of the task that was labelled last.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    user_id = principal.user_id

    def use_case(session: Session) -> int | None:
        access.require(session, principal, project_id, Permission.ANNOTATE)
        interface = session.exec(
            select(Project.interface).where(Project.id == project_id)
        ).one()
        skips = show_interface(interface)["skip_queue"]
        search = _Search(project_id, user_id, skips, after)
        _forget_expired(session, project_id)
        return _find_held(session, search) or _claim(session, search)

    return app.database.transact(use_case)


def take(
    app: AppContext, principal: Principal, task_id: int, seconds: float = LEASE_SECONDS
) -> bool:
    """Lock a task for the caller, or lock it for longer; whether nobody else has it.

    A task that as many people work on as it wants annotations stays theirs. One that
    is finished is nobody's, and can be annotated all the same.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    user_id = principal.user_id

    def use_case(session: Session) -> bool:
        task = session.exec(
            select(Task.project_id, Task.is_labeled)
            .where(Task.id == task_id)
            .with_for_update(key_share=True)
        ).first()
        missing = no_such_task(task_id)
        if task is None:
            raise missing
        access.require(session, principal, task[0], Permission.ANNOTATE, hidden=missing)
        if _renew(session, task_id, user_id, seconds):
            return True
        if task[1]:
            return True
        room = select(Task.id).where(Task.id == task_id, _has_room(user_id))
        if session.exec(room).first() is None:
            return False
        _insert_lock(session, task_id, task[0], user_id, seconds)
        return True

    return app.database.transact(use_case)


def release(app: AppContext, principal: Principal, task_id: int) -> None:
    """Give a task back; that the caller does not hold it is no error."""
    held = delete(TaskLock).where(
        col(TaskLock.task_id) == task_id,
        col(TaskLock.user_id) == principal.user_id,
    )
    with app.database.write() as session:
        session.execute(held)


def _forget_expired(session: Session, project_id: int) -> None:
    session.execute(
        delete(TaskLock).where(
            col(TaskLock.project_id) == project_id,
            col(TaskLock.expires_at) <= database_now(),
        )
    )


def _find_held(session: Session, search: _Search) -> int | None:
    """What the caller has begun and not finished; for longer from now on."""
    held = (
        select(TaskLock.task_id)
        .join(Task, col(Task.id) == col(TaskLock.task_id))
        .where(
            TaskLock.project_id == search.project_id,
            TaskLock.user_id == search.user_id,
            col(Task.is_labeled).is_(False),
            ~_was_annotated(search),
        )
        .order_by(col(TaskLock.expires_at).desc())
    )
    found: int | None = session.exec(held.limit(1)).first()
    if found is not None:
        _renew(session, found, search.user_id, LEASE_SECONDS)
    return found


def _claim(session: Session, search: _Search) -> int | None:
    """Lock the first task that is wanted, of all the passes of a search."""
    passes = [search, replace(search, after=0)] if search.after else [search]
    if search.skips == "REQUEUE_FOR_ME":
        passes += [replace(each, is_again=True) for each in passes]
    for each in passes:
        for _ in range(_CLAIMS):
            task_id: int | None = session.exec(_select_wanted(each)).first()
            if task_id is None:
                break
            if _confirm(session, each, task_id):
                return task_id
    return None


def _select_wanted(search: _Search) -> Any:  # a select of one number
    """The next task, held until the end of the transaction; held ones are passed by."""
    return (
        select(Task.id)
        .where(
            Task.project_id == search.project_id,
            # "=", as the index has it; IS FALSE is not found in it by every database.
            col(Task.is_labeled) == False,  # noqa: E712
            col(Task.inner_id) > search.after,
            ~_was_annotated(search),
            _has_room(search.user_id),
            *([] if search.skips != "IGNORE_SKIPPED" else [_is_not_skipped()]),
        )
        .order_by(col(Task.inner_id))
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True, of=Task)
    )


def _confirm(session: Session, search: _Search, task_id: int) -> bool:
    """Write the lock, unless somebody else was quicker.

    Another claim may have ended between this search's view of the locks and its hold
    on the task. From now on nobody can add one, so that a second look is certain.
    """
    room = select(Task.id).where(Task.id == task_id, _has_room(search.user_id))
    if session.exec(room).first() is None:
        return False
    _insert_lock(session, task_id, search.project_id, search.user_id, LEASE_SECONDS)
    return True


def _insert_lock(
    session: Session, task_id: int, project_id: int, user_id: int, seconds: float
) -> None:
    _drop_lock(session, task_id, user_id)  # one that has expired
    values = {"task_id": task_id, "project_id": project_id, "user_id": user_id}
    session.execute(_LOCK.insert().values(**values, expires_at=database_now(seconds)))


def _drop_lock(session: Session, task_id: int, user_id: int) -> None:
    session.execute(
        delete(TaskLock).where(
            col(TaskLock.task_id) == task_id, col(TaskLock.user_id) == user_id
        )
    )


def _renew(session: Session, task_id: int, user_id: int, seconds: float) -> bool:
    held = (
        update(TaskLock)
        .where(
            col(TaskLock.task_id) == task_id,
            col(TaskLock.user_id) == user_id,
            col(TaskLock.expires_at) > database_now(),
        )
        .values(expires_at=database_now(seconds))
        .returning(col(TaskLock.task_id))
    )
    return session.execute(held).first() is not None


def _was_annotated(search: _Search) -> Any:  # a condition
    """Whether this person has said something about the task, or skipped it."""
    said = and_(
        col(Annotation.task_id) == col(Task.id),
        col(Annotation.completed_by_id) == search.user_id,
    )
    if search.is_again:
        said = and_(said, col(Annotation.was_cancelled).is_(False))
    return exists().where(said)


def _has_room(user_id: int) -> Any:  # a condition
    """Whether those who work on the task leave an annotation to be made."""
    others = (
        select(func.count(col(TaskLock.user_id)))
        .where(
            TaskLock.task_id == col(Task.id),
            TaskLock.user_id != user_id,
            col(TaskLock.expires_at) > database_now(),
        )
        .scalar_subquery()
    )
    return col(Task.total_annotations) + others < col(Task.overlap)


def _is_not_skipped() -> Any:  # a condition
    return col(Task.cancelled_annotations) == 0


_LOCK: Final = TaskLock.__table__  # type: ignore[attr-defined]
