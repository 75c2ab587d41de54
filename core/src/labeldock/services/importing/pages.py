"""One page's transaction: tasks, links, errors, checkpoint, counters, all or nothing.

Rows are prepared before the transaction begins, so that it holds no network and no
parsing. Locks are taken in the order run, tasks, project.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlmodel import col

from labeldock.contract.observers import TasksCreated
from labeldock.contract.values import ObjectInfo
from labeldock.db.bulk import encode_rows, encode_time, insert_rows, reserve_ids
from labeldock.db.columns import utc_now
from labeldock.db.references import held_references
from labeldock.db.tables import (
    NO_ROW,
    Annotation,
    ImportLink,
    Prediction,
    Project,
    RunError,
    Storage,
    Task,
)
from labeldock.db.types import dump_json, escape_text
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.counters import OF_ANNOTATIONS, add_tally, tally_task
from labeldock.services.importing.beside import hold_parts
from labeldock.services.importing.difference import LinkedObject
from labeldock.services.importing.formats.tasks import ParsedTask, Tasks
from labeldock.services.importing.replacing import (
    Replacement,
    refresh_links,
    write_replacement,
)
from labeldock.services.importing.sharing import NewPart, add_parts
from labeldock.services.leases import Lease
from labeldock.services.quotas import Limit, require_team_room
from labeldock.services.webhooks.outbox import note_tasks

_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]
_ANNOTATION: Final = Annotation.__table__  # type: ignore[attr-defined]
_PREDICTION: Final = Prediction.__table__  # type: ignore[attr-defined]
_KEY_OF: Final = itemgetter(0)
_PROJECT: Final = Project.__table__  # type: ignore[attr-defined]
_STORAGE: Final = Storage.__table__  # type: ignore[attr-defined]
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
    """What one transaction writes: whole objects, in the order of their keys.

    `guard` is None for a page of a walk; for objects looked at beside one, it is the
    parts that have to be in nobody's hands, with their tokens.
    """

    imported: list[tuple[ObjectInfo, Tasks]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    refreshed: list[ObjectInfo] = field(default_factory=list)
    replaced: list[Replacement] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    parts: list[NewPart] = field(default_factory=list)
    guard: dict[int, int] | None = None

    @property
    def task_count(self) -> int:
        """How many tasks it makes."""
        return sum(len(tasks) for _, tasks in self.imported)

    def iterate_tasks(self) -> Iterator[ParsedTask]:
        """All of them in order; many are read from a file, each time anew."""
        for _, tasks in self.imported:
            yield from tasks


def list_linked(
    app: AppContext,
    storage_id: int,
    bounds: tuple[str | None, str | None],
    *,
    limit: int,
    is_blob: bool = False,
) -> list[LinkedObject]:
    """What is known of the keys in (after, upto], in order; one entry per key.

    Where objects are blobs there is one link per key, unless the storage had files
    before; so it is tried without grouping, in half of the time.
    """
    after, upto = bounds
    values = {"storage": storage_id, "after": after or "", "most": limit}
    if upto is not None:
        values["upto"] = upto
    if is_blob:
        single = _select_single(is_bounded=upto is not None)
        links = load_linked(app, single, values)
        if len(set(map(_KEY_OF, links))) == len(links):
            return links
    return load_linked(app, _select_grouped(is_bounded=upto is not None), values)


@cache
def _select_grouped(*, is_bounded: bool) -> Select[Any]:
    return _within(select_linked(bindparam("storage")), is_bounded=is_bounded)


@cache
def _select_single(*, is_bounded: bool) -> Select[Any]:
    query = select(
        _LINK.c.key,
        _LINK.c.etag,
        _LINK.c.state,
        cast(_LINK.c.object_exists, Integer),
        literal_column("1"),
        cast(_LINK.c.problem, Text),
        cast(_LINK.c.object_changed, Integer),
        _LINK.c.size,
    )
    mine = query.where(_LINK.c.storage_id == bindparam("storage"))
    return _within(mine.order_by(_LINK.c.key), is_bounded=is_bounded)


def _within(query: Select[Any], *, is_bounded: bool) -> Select[Any]:
    """Built once: what it takes to build it for each page would be half of it."""
    query = query.where(_LINK.c.key > bindparam("after")).limit(bindparam("most"))
    return query.where(_LINK.c.key <= bindparam("upto")) if is_bounded else query


def list_linked_keys(
    app: AppContext, storage_id: int, keys: Sequence[str]
) -> list[LinkedObject]:
    """What is known of these keys, in order; one entry per key."""
    return load_linked(app, select_linked(storage_id).where(_LINK.c.key.in_(keys)))


def select_linked(storage_id: int | BindParameter[int]) -> Select[Any]:
    """Links, one row per key, as `load_linked` takes them."""
    return (
        select(
            _LINK.c.key,
            func.min(_LINK.c.etag),
            func.min(_LINK.c.state),
            func.min(cast(_LINK.c.object_exists, Integer)),
            func.count(),
            func.min(cast(_LINK.c.problem, Text)),
            func.max(cast(_LINK.c.object_changed, Integer)),
            func.min(_LINK.c.size),
        )
        .where(_LINK.c.storage_id == storage_id)
        .group_by(_LINK.c.key)
        .order_by(_LINK.c.key)
    )


def load_linked(
    app: AppContext, query: Select[Any], values: Mapping[str, Any] | None = None
) -> list[LinkedObject]:
    """What is known of the keys that a query selects, which may take values."""
    with app.database.engine.connect() as connection:
        rows = connection.execute(query, values or {}).all()
    return list(map(LinkedObject._make, rows))


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
        PartTaken: somebody works on a part of the guard; nothing was written.
        QuotaExceeded: the team may not have so many more tasks; nothing was written.
    """
    count = batch.task_count
    state: dict[str, Any] = {
        "checkpoint": checkpoint,
        "counts": counts,
        "is_progress": batch.guard is None,
    }
    first_inner_id, overlap = _reserve_inner_ids(app, lease, count)
    with app.database.write_connection() as connection:
        leases.fence(app, connection, lease, **state)
        if count:
            require_team_room(app, connection, lease.project_id, Limit.TASKS, count)
        hold_parts(connection, batch.guard or {})
        writer = _Writer(connection, lease, overlap)
        ids = writer.write(batch, first_inner_id)
        _tell_webhooks(app, connection, lease, ids)
    lease.commit(**state)
    if ids:
        event = TasksCreated(lease.project_id, tuple(ids), lease.storage_id)
        app.catalog.notify("after_tasks_created", event)


def _tell_webhooks(
    app: AppContext, connection: Connection, lease: Lease, ids: Sequence[int]
) -> None:
    note_tasks(
        connection,
        lease.project_id,
        ids,
        batch=app.settings.webhook_batch_size,
        storage_id=lease.storage_id,
        run_id=lease.run_id,
    )


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
        self._totals = Counter[str]()

    def write(self, batch: Batch, first_inner_id: int) -> Sequence[int]:
        self._forget(batch.retried)
        count = batch.task_count
        ids = reserve_ids(self._connection, _TASK, count) if count else ()
        if count:
            mine = {_PROJECT: self._lease.project_id, _STORAGE: self._lease.storage_id}
            with held_references(self._connection, mine):
                self._insert_tasks(batch, ids, first_inner_id)
                self._insert_links(batch, ids)
        else:
            self._insert_links(batch, ids)
        self._insert_failures(batch.failures)
        self._mark(batch.vanished, object_exists=False)
        self._mark(batch.returned, object_exists=True)
        self._mark(batch.flagged, object_changed=True)
        self._mark(batch.restored, object_changed=False)
        self._mark(batch.seen, seen_run_id=self._lease.run_id)
        self._replace(batch)
        self._insert_parts(batch.parts)
        self._count(count)
        return ids

    def _insert_tasks(
        self, batch: Batch, ids: Sequence[int], first_inner_id: int
    ) -> None:
        numbers = range(first_inner_id, first_inner_id + len(ids))
        numbered = zip(ids, numbers, batch.iterate_tasks(), strict=True)
        tasks = (self._task_row(*entry) for entry in numbered)
        insert_rows(self._connection, _TASK, _TASK_COLUMNS, tasks)
        if any(self._totals[name] for name in OF_ANNOTATIONS):
            rows = self._annotation_rows(batch, ids)
            insert_rows(self._connection, _ANNOTATION, _ANNOTATION_COLUMNS, rows)
        if self._totals["total_predictions_number"]:
            rows = self._prediction_rows(batch, ids)
            insert_rows(self._connection, _PREDICTION, _PREDICTION_COLUMNS, rows)

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
            self._totals.update(tally_task(task, self._overlap))
        return (
            task_id, project, inner_id, task.data, task.meta, self._overlap,
            self._true if task.allow_skip else false,
            self._true if done and done >= self._overlap else false,
            done, cancelled, predicted, 1, now, now,
        )  # fmt: skip

    def _annotation_rows(
        self, batch: Batch, ids: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        project, now = self._lease.project_id, self._now
        for task_id, task in zip(ids, batch.iterate_tasks(), strict=True):
            for a in task.annotations:
                cancelled = self._bool(value=a.was_cancelled)
                truth = self._bool(value=a.ground_truth)
                yield (
                    task_id, project, a.result, cancelled, truth, a.lead_time, 1, now,
                    now,
                )  # fmt: skip

    def _prediction_rows(
        self, batch: Batch, ids: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        project, now = self._lease.project_id, self._now
        for task_id, task in zip(ids, batch.iterate_tasks(), strict=True):
            for p in task.predictions:
                yield (task_id, project, p.result, p.score, p.model_version, now, now)

    def _bool(self, *, value: bool) -> Any:
        return self._true if value else self._false

    def _insert_links(self, batch: Batch, ids: Sequence[int]) -> None:
        if batch.imported or batch.failures:
            rows = self._link_rows(batch, ids)
            insert_rows(self._connection, _LINK, _LINK_COLUMNS, rows)

    def _link_rows(self, batch: Batch, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        numbers, build = iter(ids), self._link_row
        for info, tasks in batch.imported:
            if not len(tasks):
                yield build(info, None, NO_ROW, NO_ROW, "empty", None)
            for task in tasks:
                place = next(numbers), task.row_group, task.row_index
                yield build(info, *place, "linked", None)
        for failure in batch.failures:
            if failure.info is not None:
                problem = _describe(failure)
                yield build(failure.info, None, NO_ROW, NO_ROW, "failed", problem)

    def _link_row(self, info: ObjectInfo, *rest: Any) -> tuple[Any, ...]:
        task_id, group, row, state, problem = rest
        modified = encode_time(self._connection, info.last_modified)
        return (
            self._lease.storage_id, task_id, info.key, group, row, state, info.etag,
            info.size, modified, self._true, problem, self._now,
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

    def _mark(self, keys: Sequence[str], **values: Any) -> None:
        if keys:
            marked = update(_LINK).where(*self._links_of(keys))
            self._connection.execute(marked.values(**values))

    def _replace(self, batch: Batch) -> None:
        for replacement in batch.replaced:
            write_replacement(self._connection, replacement)
        refresh_links(self._connection, self._lease.storage_id, batch.refreshed)

    def _insert_parts(self, parts: Sequence[NewPart]) -> None:
        if parts:
            add_parts(self._connection, self._lease, parts)

    def _links_of(self, keys: Sequence[str]) -> tuple[Any, ...]:
        return (_LINK.c.storage_id == self._lease.storage_id, _LINK.c.key.in_(keys))

    def _count(self, count: int) -> None:
        self._totals["task_number"] = count
        add_tally(self._connection, self._lease.project_id, self._totals)


def _describe(failure: Failure) -> str:
    return dump_json(
        {
            "code": failure.code,
            "message": escape_text(failure.message),
            "remedy": failure.remedy and escape_text(failure.remedy),
            "row": failure.row,
        }
    )
