"""One page's transaction: tasks, links, errors, checkpoint, counters, all or nothing.

Rows are prepared before the transaction begins, so that it holds no network and no
parsing. Locks are taken in the order run, tasks, project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    Text,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlmodel import col

from labeldock.contract.observers import TasksCreated
from labeldock.contract.values import ObjectInfo
from labeldock.db.bulk import encode_rows, encode_time, insert_rows, reserve_ids
from labeldock.db.tables import (
    NO_ROW,
    Annotation,
    ImportLink,
    Prediction,
    Project,
    RunError,
    Task,
    utc_now,
)
from labeldock.db.types import dump_json, escape_text
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.importing.difference import LinkedObject
from labeldock.services.importing.parsing import ParsedTask
from labeldock.services.leases import Lease

_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]
_ANNOTATION: Final = Annotation.__table__  # type: ignore[attr-defined]
_PREDICTION: Final = Prediction.__table__  # type: ignore[attr-defined]
_ERROR: Final = RunError.__table__  # type: ignore[attr-defined]


class Failure(NamedTuple):
    """An object that could not be imported; `info` is None if it cannot be linked."""

    info: ObjectInfo | None
    key: str
    row: int
    code: str
    message: str
    remedy: str | None


@dataclass(slots=True)
class Batch:
    """What one transaction writes: whole objects, in the order of their keys."""

    imported: list[tuple[ObjectInfo, Sequence[ParsedTask]]] = field(
        default_factory=list
    )
    failures: list[Failure] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)

    @property
    def task_count(self) -> int:
        """How many tasks it makes."""
        return sum(len(tasks) for _, tasks in self.imported)


def list_linked(
    app: AppContext, storage_id: int, after: str | None, upto: str | None, *, limit: int
) -> list[LinkedObject]:
    """What is known of the keys in (after, upto], in order; one entry per key."""
    query = _select_linked(storage_id).limit(limit)
    if after is not None:
        query = query.where(_LINK.c.key > after)
    if upto is not None:
        query = query.where(_LINK.c.key <= upto)
    return _load_linked(app, query)


def list_linked_keys(
    app: AppContext, storage_id: int, keys: Sequence[str]
) -> list[LinkedObject]:
    """What is known of these keys, in order; one entry per key."""
    return _load_linked(app, _select_linked(storage_id).where(_LINK.c.key.in_(keys)))


def _select_linked(storage_id: int) -> Select[Any]:
    return (
        select(
            _LINK.c.key,
            func.min(_LINK.c.etag),
            func.min(_LINK.c.state),
            func.min(cast(_LINK.c.object_exists, Integer)),
            func.count(),
            func.min(cast(_LINK.c.problem, Text)),
        )
        .where(_LINK.c.storage_id == storage_id)
        .group_by(_LINK.c.key)
        .order_by(_LINK.c.key)
    )


def _load_linked(app: AppContext, query: Select[Any]) -> list[LinkedObject]:
    with app.database.engine.connect() as connection:
        return [LinkedObject(*row) for row in connection.execute(query)]


def commit_batch(
    app: AppContext,
    lease: Lease,
    batch: Batch,
    *,
    checkpoint: dict[str, Any],
    counts: dict[str, int],
) -> None:
    """Write a batch and move the run's checkpoint, in one transaction.

    Raises:
        LeaseLost: the run is not ours any more; nothing was written.
    """
    count = batch.task_count
    first_inner_id, overlap = _reserve_inner_ids(app, lease, count)
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, checkpoint=checkpoint, counts=counts)
        writer = _Writer(connection, lease, overlap)
        ids = writer.write(batch, first_inner_id)
    lease.commit(checkpoint, counts)
    if ids:
        event = TasksCreated(lease.project_id, tuple(ids), lease.storage_id)
        app.catalog.notify("after_tasks_created", event)


def _reserve_inner_ids(app: AppContext, lease: Lease, count: int) -> tuple[int, int]:
    """Take a block of numbers in a transaction of its own.

    The project's row is so never locked while a page is written; a page that fails
    leaves a gap in the numbers. Whoever has lost the run gets none.
    """
    if not count:
        return 0, 1
    with app.database.write_connection() as connection:
        row = connection.execute(
            update(Project)
            .where(col(Project.id) == lease.project_id, leases.is_held(lease))
            .values(next_inner_id=col(Project.next_inner_id) + count)
            .returning(col(Project.next_inner_id), col(Project.maximum_annotations))
        ).first()
    if row is None:
        raise leases.LeaseLost(f"The lease of run {lease.run_id} was lost.")
    return row[0] - count, row[1]


_TASK_COLUMNS: Final = (
    "id", "project_id", "inner_id", "data", "meta", "overlap", "allow_skip",
    "is_labeled", "total_annotations", "cancelled_annotations", "total_predictions",
    "version", "created_at", "updated_at",
)  # fmt: skip
_LINK_COLUMNS: Final = (
    "storage_id", "task_id", "key", "row_group", "row_index", "state", "etag", "size",
    "last_modified", "object_exists", "problem", "created_at",
)  # fmt: skip
_ANNOTATION_COLUMNS: Final = (
    "task_id", "project_id", "result", "was_cancelled", "ground_truth", "lead_time",
    "version", "created_at", "updated_at",
)  # fmt: skip
_PREDICTION_COLUMNS: Final = (
    "task_id", "project_id", "result", "score", "model_version", "created_at",
    "updated_at",
)  # fmt: skip


class _Writer:
    """The bulk statements of one transaction."""

    def __init__(self, connection: Connection, lease: Lease, overlap: int) -> None:
        self._connection = connection
        self._lease = lease
        self._overlap = overlap
        self._now = encode_time(connection, utc_now())
        is_sqlite = connection.dialect.name == "sqlite"
        self._false, self._true = (0, 1) if is_sqlite else (False, True)

    def write(self, batch: Batch, first_inner_id: int) -> Sequence[int]:
        self._forget(batch.retried)
        count = batch.task_count
        ids = reserve_ids(self._connection, _TASK, count) if count else ()
        if count:
            self._insert_tasks(batch, ids, first_inner_id)
        self._insert_links(batch, ids)
        self._insert_failures(batch.failures)
        self._mark(batch.vanished, exists=False)
        self._mark(batch.returned, exists=True)
        self._count(batch, count)
        return ids

    def _insert_tasks(
        self, batch: Batch, ids: Sequence[int], first_inner_id: int
    ) -> None:
        tasks = [task for _, parsed in batch.imported for task in parsed]
        numbered = zip(
            ids, range(first_inner_id, first_inner_id + len(ids)), tasks, strict=True
        )
        rows = [self._task_row(*entry) for entry in numbered]
        insert_rows(self._connection, _TASK, _TASK_COLUMNS, rows)
        if any(task.annotations or task.predictions for task in tasks):
            self._insert_opinions(ids, tasks)

    def _task_row(
        self, task_id: int, inner_id: int, task: ParsedTask
    ) -> tuple[Any, ...]:
        project, now, false = self._lease.project_id, self._now, self._false
        if not task.annotations and not task.predictions:
            done = cancelled = predicted = 0
        else:
            cancelled = sum(a.was_cancelled for a in task.annotations)
            done = len(task.annotations) - cancelled
            predicted = len(task.predictions)
        return (
            task_id, project, inner_id, task.data, task.meta, self._overlap,
            self._true if task.allow_skip else false,
            self._true if done and done >= self._overlap else false,
            done, cancelled, predicted, 1, now, now,
        )  # fmt: skip

    def _insert_opinions(self, ids: Sequence[int], tasks: Sequence[ParsedTask]) -> None:
        project, now = self._lease.project_id, self._now
        pairs = list(zip(ids, tasks, strict=True))
        annotations = [
            (i, project, a.result, self._bool(value=a.was_cancelled),
             self._bool(value=a.ground_truth), a.lead_time, 1, now, now)
            for i, task in pairs for a in task.annotations
        ]  # fmt: skip
        predictions = [
            (i, project, p.result, p.score, p.model_version, now, now)
            for i, task in pairs for p in task.predictions
        ]  # fmt: skip
        if annotations:
            insert_rows(self._connection, _ANNOTATION, _ANNOTATION_COLUMNS, annotations)
        if predictions:
            insert_rows(self._connection, _PREDICTION, _PREDICTION_COLUMNS, predictions)

    def _bool(self, *, value: bool) -> Any:
        return self._true if value else self._false

    def _insert_links(self, batch: Batch, ids: Sequence[int]) -> None:
        numbers = iter(ids)
        rows = []
        for info, tasks in batch.imported:
            if not tasks:
                rows.append(self._link_row(info, None, NO_ROW, "empty", None))
            rows.extend(
                self._link_row(info, next(numbers), task.row_index, "linked", None)
                for task in tasks
            )
        for failure in batch.failures:
            if failure.info is not None:
                problem = _describe(failure)
                rows.append(
                    self._link_row(failure.info, None, NO_ROW, "failed", problem)
                )
        if rows:
            insert_rows(self._connection, _LINK, _LINK_COLUMNS, rows)

    def _link_row(
        self,
        info: ObjectInfo,
        task_id: int | None,
        row_index: int,
        state: str,
        problem: str | None,
    ) -> tuple[Any, ...]:
        modified = encode_time(self._connection, info.last_modified)
        return (
            self._lease.storage_id, task_id, info.key, NO_ROW, row_index, state,
            info.etag, info.size, modified, self._true, problem, self._now,
        )  # fmt: skip

    def _insert_failures(self, failures: Iterable[Failure]) -> None:
        columns = (
            "run_id",
            "key",
            "row_index",
            "code",
            "message",
            "remedy",
            "created_at",
        )
        run_id, now = self._lease.run_id, utc_now()
        rows = [
            (run_id, escape_text(f.key), f.row, f.code, escape_text(f.message),
             f.remedy and escape_text(f.remedy), now)
            for f in failures
        ]  # fmt: skip
        if rows:
            encoded = encode_rows(self._connection, _ERROR, columns, rows)
            insert_rows(self._connection, _ERROR, columns, encoded)

    def _forget(self, keys: Sequence[str]) -> None:
        if keys:
            self._connection.execute(delete(_LINK).where(*self._links_of(keys)))

    def _mark(self, keys: Sequence[str], *, exists: bool) -> None:
        if keys:
            self._connection.execute(
                update(_LINK).where(*self._links_of(keys)).values(object_exists=exists)
            )

    def _links_of(self, keys: Sequence[str]) -> tuple[Any, ...]:
        return (_LINK.c.storage_id == self._lease.storage_id, _LINK.c.key.in_(keys))

    def _count(self, batch: Batch, count: int) -> None:
        if not count:
            return
        tasks = [task for _, parsed in batch.imported for task in parsed]
        finished = annotated = predicted = 0
        for task in tasks:
            done = sum(not a.was_cancelled for a in task.annotations)
            annotated += done
            finished += 0 < self._overlap <= done
            predicted += len(task.predictions)
        self._connection.execute(
            update(Project)
            .where(col(Project.id) == self._lease.project_id)
            .values(
                task_number=col(Project.task_number) + count,
                finished_task_number=col(Project.finished_task_number) + finished,
                total_annotations_number=col(Project.total_annotations_number)
                + annotated,
                total_predictions_number=col(Project.total_predictions_number)
                + predicted,
            )
        )


def _describe(failure: Failure) -> str:
    return dump_json(
        {
            "code": failure.code,
            "message": escape_text(failure.message),
            "remedy": failure.remedy and escape_text(failure.remedy),
            "row": failure.row,
        }
    )
