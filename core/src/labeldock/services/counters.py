"""Counters of tasks and projects, changed by statements that add.

Never by reading and writing back, so that they stay right when several people work at
once. The tasks have to be locked before, in the order of their numbers.

A tally is what rows add to the counters of their project, by the names of its columns.
An annotation is useful unless it is cancelled, or the truth that others are held to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection, and_, distinct, not_
from sqlmodel import Session, case, col, func, select, update

from labeldock.contract.errors import NotFound
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, Project, Task

OF_ANNOTATIONS: Final = (
    "total_annotations_number", "num_tasks_with_annotations",
    "useful_annotation_number", "ground_truth_number", "skipped_annotations_number",
)  # fmt: skip
_COUNTERS: Final = (
    "task_number", "finished_task_number", "total_predictions_number", *OF_ANNOTATIONS
)  # fmt: skip
_IS_USEFUL: Final = and_(
    not_(col(Annotation.was_cancelled)), not_(col(Annotation.ground_truth))
)


class Share(NamedTuple):
    """What annotations add to the counters of their task and its project."""

    done: int = 0
    cancelled: int = 0
    truths: int = 0
    useful: int = 0

    def __neg__(self) -> Share:
        return Share(*(-number for number in self))

    def __sub__(self, other: Share) -> Share:
        return Share(*(a - b for a, b in zip(self, other, strict=True)))


class Judged(Protocol):
    """An annotation, stored or not yet."""

    @property
    def was_cancelled(self) -> bool:
        """Whether the task was skipped."""
        ...

    @property
    def ground_truth(self) -> bool:
        """Whether others are held to it."""
        ...


class Labelled(Protocol):
    """A task that is not stored yet, with what was said about it."""

    @property
    def annotations(self) -> Collection[Judged]:
        """By people."""
        ...

    @property
    def predictions(self) -> Collection[Any]:
        """By models."""
        ...


def measure_share(annotation: Judged) -> Share:
    """What an annotation adds: one that is cancelled is counted apart."""
    truth = int(annotation.ground_truth)
    if annotation.was_cancelled:
        return Share(cancelled=1, truths=truth)
    return Share(done=1, truths=truth, useful=1 - truth)


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
    """Change the counters of tasks, which are locked, then those of their project.

    The annotations have to be in the database as they are to be.
    """
    tally = Counter[str]()
    for share in dict.fromkeys(changes.values()):
        ids = [task_id for task_id, change in changes.items() if change == share]
        tally["finished_task_number"] += _count_in_tasks(session, ids, share)
        tally["total_annotations_number"] += share.done * len(ids)
        tally["skipped_annotations_number"] += share.cancelled * len(ids)
        tally["ground_truth_number"] += share.truths * len(ids)
        tally["useful_annotation_number"] += share.useful * len(ids)
    tally["num_tasks_with_annotations"] = _count_useful_tasks(session, changes)
    add_tally(session.connection(), project_id, tally)


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


def _count_useful_tasks(session: Session, changes: Mapping[int, Share]) -> int:
    """By how much the number of tasks with useful annotations has changed."""
    added = {task_id: share.useful for task_id, share in changes.items()}
    touched = [task_id for task_id, change in added.items() if change]
    if not touched:
        return 0
    query = select(Annotation.task_id, func.count()).where(
        col(Annotation.task_id).in_(touched), _IS_USEFUL
    )
    now = dict(session.exec(query.group_by(col(Annotation.task_id))).all())
    return sum(
        int(now.get(task_id, 0) > 0) - int(now.get(task_id, 0) > added[task_id])
        for task_id in touched
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
    tally = {"total_predictions_number": change}
    add_tally(session.connection(), project_id, tally)


def tally_task(task: Labelled, overlap: int) -> dict[str, int]:
    """What is said about a new task; the task itself is not counted.

    Args:
        task: it, with its annotations and predictions.
        overlap: how many annotations finish it.
    """
    tally = {"total_predictions_number": len(task.predictions)}
    if not task.annotations:
        return tally
    shares = Share(*map(sum, zip(*map(measure_share, task.annotations), strict=True)))
    return {
        **tally,
        "finished_task_number": int(0 < overlap <= shares.done),
        "total_annotations_number": shares.done,
        "num_tasks_with_annotations": int(shares.useful > 0),
        "useful_annotation_number": shares.useful,
        "ground_truth_number": shares.truths,
        "skipped_annotations_number": shares.cancelled,
    }


def add_tally(
    connection: Connection, project_id: int, tally: Mapping[str, int]
) -> None:
    """Add to the counters of a project, if there is anything to add."""
    values = {n: getattr(Project, n) + change for n, change in tally.items() if change}
    if values:
        mine = update(Project).where(col(Project.id) == project_id)
        connection.execute(mine.values(values))


def take_off(connection: Connection, project_id: int, tally: Mapping[str, int]) -> None:
    """The reverse, for rows that are removed."""
    add_tally(connection, project_id, {name: -n for name, n in tally.items()})


def measure_tasks(session: Session, task_ids: Collection[int]) -> dict[str, int]:
    """What locked tasks, with all that was said about them, add to their project."""
    ours = col(Task.id).in_(task_ids), col(Annotation.task_id).in_(task_ids)
    return _measure(session, *ours)


def recount_tasks(session: Session, project_id: int) -> None:
    """Count anew. Who adds to the counters meanwhile waits, and then adds to these."""
    mine = col(Project.id) == project_id
    session.exec(select(Project.id).where(mine).with_for_update(key_share=True)).one()
    ours = Task.project_id == project_id, Annotation.project_id == project_id
    session.execute(update(Project).where(mine).values(_measure(session, *ours)))


def _measure(session: Session, of_tasks: Any, of_annotations: Any) -> dict[str, int]:
    """A tally of the rows that conditions on tasks, and on annotations, choose."""
    tasks = select(
        func.count(col(Task.id)),
        _count(col(Task.is_labeled)),
        func.coalesce(func.sum(col(Task.total_predictions)), 0),
        func.coalesce(func.sum(col(Task.total_annotations)), 0),
    ).where(of_tasks)
    said = select(
        func.count(distinct(case((_IS_USEFUL, col(Annotation.task_id))))),
        _count(_IS_USEFUL),
        _count(col(Annotation.ground_truth)),
        _count(col(Annotation.was_cancelled)),
    ).where(of_annotations)
    numbers = (*session.execute(tasks).one(), *session.execute(said).one())
    return dict(zip(_COUNTERS, map(int, numbers), strict=True))


def _count(condition: Any) -> Any:  # expressions
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
