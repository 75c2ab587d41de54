"""Counters of tasks and projects, changed by statements that add.

Never by reading and writing back, so that they stay right when several people work at
once. The tasks have to be locked before, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlmodel import Session, case, col, select, update

from labeldock.contract.errors import NotFound
from labeldock.db.tables import Annotation, Project, Task, utc_now


class Share(NamedTuple):
    """What annotations add to the counters of their task."""

    done: int = 0
    cancelled: int = 0

    def __neg__(self) -> Share:
        return Share(-self.done, -self.cancelled)

    def __sub__(self, other: Share) -> Share:
        return Share(self.done - other.done, self.cancelled - other.cancelled)


def measure_share(annotation: Annotation) -> Share:
    """What an annotation adds: one that is cancelled is counted apart."""
    return Share(0, 1) if annotation.was_cancelled else Share(1, 0)


def lock_tasks(session: Session, task_ids: Iterable[int]) -> None:
    """Keep others from changing these tasks until the transaction has ended.

    Raises:
        NotFound: one of them is not there (any more).
    """
    wanted = set(task_ids)
    query = select(Task.id).where(col(Task.id).in_(wanted)).order_by(col(Task.id))
    found = session.exec(query.with_for_update(key_share=True)).all()
    missing = wanted.difference(found)
    if missing:
        raise no_such_task(min(missing))


def no_such_task(task_id: int) -> NotFound:
    """The error for a task that is not there."""
    return NotFound(f"Task {task_id} does not exist.", field="task")


def count_annotations(
    session: Session, project_id: int, changes: Mapping[int, Share]
) -> None:
    """Change the counters of tasks, which are locked, then those of their project."""
    finished = done = 0
    for share in dict.fromkeys(changes.values()):
        ids = [task_id for task_id, change in changes.items() if change == share]
        finished += _count_in_tasks(session, ids, share)
        done += share.done * len(ids)
    if not done and not finished:
        return
    session.execute(
        update(Project)
        .where(col(Project.id) == project_id)
        .values(
            total_annotations_number=col(Project.total_annotations_number) + done,
            finished_task_number=col(Project.finished_task_number) + finished,
        )
    )


def _count_in_tasks(session: Session, ids: list[int], share: Share) -> int:
    """By how much the number of finished tasks has changed."""
    total = col(Task.total_annotations) + share.done
    rows = session.execute(
        update(Task)
        .where(col(Task.id).in_(ids))
        .values(
            total_annotations=total,
            cancelled_annotations=col(Task.cancelled_annotations) + share.cancelled,
            is_labeled=case((total >= col(Task.overlap), True), else_=False),
            version=col(Task.version) + 1,
            updated_at=utc_now(),
        )
        .returning(col(Task.total_annotations), col(Task.overlap))
    )
    return sum(
        int(now >= overlap) - int(now - share.done >= overlap) for now, overlap in rows
    )


def count_predictions(
    session: Session, project_id: int, task_id: int, change: int
) -> None:
    """Note a change of a task's predictions, which may leave their number as it is."""
    session.execute(
        update(Task)
        .where(col(Task.id) == task_id)
        .values(
            total_predictions=col(Task.total_predictions) + change,
            version=col(Task.version) + 1,
            updated_at=utc_now(),
        )
    )
    if change:
        total = col(Project.total_predictions_number) + change
        session.execute(
            update(Project)
            .where(col(Project.id) == project_id)
            .values(total_predictions_number=total)
        )
