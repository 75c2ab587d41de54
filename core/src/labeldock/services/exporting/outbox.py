"""The outbox: what an export storage should hold under a key, and what was delivered.

State, not a log: one row per key, written in the transaction of the change that it is
about. Several changes of one key collapse into the newest. Versions are counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, delete, select, update

from labeldock.contract.values import Purpose
from labeldock.db.tables import Annotation, Outbox, Run, RunError, Storage
from labeldock.db.types import database_now
from labeldock.services.context import AppContext
from labeldock.services.exporting.keys import Item, build_item
from labeldock.services.exporting.kinds import Layout, Payload
from labeldock.services.exporting.plans import Plan, build_plan
from labeldock.services.exporting.wishes import (
    OUTBOX,
    due_conditions,
    leave,
    leave_to_others,
    want_items,
    want_removal,
)


def want_annotation(
    app: AppContext, session: Session, annotation: Annotation
) -> list[int]:
    """Queue a new or changed annotation for every export storage of its project.

    Returns the numbers of the storages that have something to deliver.
    """
    return want_annotations(app, session, annotation.project_id, [annotation])


def want_annotations(
    app: AppContext,
    session: Session,
    project_id: int,
    annotations: Sequence[Annotation],
) -> list[int]:
    """The same for several annotations of one project."""
    connection, touched = session.connection(), []
    for target in _list_targets(session, project_id):
        if not target.export_on_save:
            continue
        plan = build_plan(app.settings, target)
        items = dict.fromkeys(build_item(plan, a.id, a.task_id) for a in annotations)
        want_items(connection, target.id, plan, list(items))
        touched.append(target.id)
    return touched


def want_task(
    app: AppContext,
    session: Session,
    project_id: int,
    task_id: int,
    *,
    has_new_data: bool,
) -> list[int]:
    """Queue what holds a task that changed: its data, or (else) its predictions.

    A task without annotations is in no export.
    """
    connection, touched = session.connection(), []
    query = select(Annotation.id).where(Annotation.task_id == task_id)
    for target in _list_targets(session, project_id):
        plan = build_plan(app.settings, target)
        holds_it = plan.is_by_task or (
            has_new_data and plan.payload is Payload.ANNOTATION_WITH_TASK
        )
        if not (target.export_on_save and holds_it):
            continue
        ids = session.exec(query).all()
        items = dict.fromkeys(build_item(plan, number, task_id) for number in ids)
        if want_items(connection, target.id, plan, list(items)):
            touched.append(target.id)
    return touched


def unwant_annotation(
    app: AppContext, session: Session, annotation: Annotation
) -> list[int]:
    """Queue what the removal of an annotation means for its export storages.

    A file that holds the task is written again while another annotation remains; any
    other object of ours is removed where the storage may delete, and left otherwise.
    """
    connection, touched = session.connection(), []
    task_id, number = annotation.task_id, annotation.id
    for target in _list_targets(session, annotation.project_id):
        plan = build_plan(app.settings, target)
        if plan.is_by_task and _has_siblings(session, annotation):
            touched += _rewrite(session, target, plan, Item(task_id, None))
            continue
        if plan.is_by_task:
            match = _match("task_id", task_id)
        else:
            match = _match("annotation_id", number)
        if target.can_delete_objects:
            want_removal(connection, [target.id], match)
            touched.append(target.id)
        else:
            leave(connection, [target.id], match)
    return touched


def _rewrite(session: Session, target: Any, plan: Plan, item: Item) -> list[int]:
    if not target.export_on_save:
        return []
    want_items(session.connection(), target.id, plan, [item])
    return [target.id]


def unwant_tasks(
    session: Session, project_id: int, task_ids: Sequence[int]
) -> list[int]:
    """Queue what the removal of tasks means.

    Returns the numbers of the storages that have something to remove.
    """
    connection, targets = session.connection(), _list_targets(session, project_id)
    deletable = [t.id for t in targets if t.can_delete_objects]
    others = [t.id for t in targets if not t.can_delete_objects]

    def match(table: Any) -> Any:
        return table.c.task_id.in_(task_ids)

    want_removal(connection, deletable, match)
    leave(connection, others, match)
    return deletable


def _match(column: str, number: int) -> Any:
    return lambda table: table.c[column] == number


def _list_targets(session: Session, project_id: int) -> Sequence[Any]:
    """The export storages of a project that hold a file for each item."""
    return session.execute(_TARGETS, {"project_id": project_id}).all()


_TARGETS: Final = (
    select_columns(
        col(Storage.id),
        col(Storage.project_id),
        col(Storage.prefix),
        col(Storage.literal_prefix),
        col(Storage.payload),
        col(Storage.key_template),
        col(Storage.layout),
        col(Storage.indent),
        col(Storage.export_on_save),
        col(Storage.can_delete_objects),
    )
    .where(
        col(Storage.project_id) == bindparam("project_id"),
        col(Storage.purpose) == Purpose.EXPORT.value,
        col(Storage.layout) == Layout.FILES.value,
    )
    .order_by(col(Storage.id))
    # Held, so that none is removed between here and its row of the outbox.
    .with_for_update(read=True, key_share=True)
)


def _has_siblings(session: Session, annotation: Annotation) -> bool:
    query = select(Annotation.id).where(
        Annotation.task_id == annotation.task_id, Annotation.id != annotation.id
    )
    return session.exec(query.limit(1)).first() is not None


# Runs and storages


def release_run(session: Session, run_id: int) -> None:
    """What a cancelled run alone wanted is not written any more."""
    leave_to_others(session.connection(), run_id)


def reopen_run(session: Session, run: Run) -> None:
    """Make what a run gave up due again; one that was cancelled begins anew."""
    revive(session, OUTBOX.c.run_id == run.id)
    session.execute(delete(RunError).where(col(RunError.run_id) == run.id))
    if run.state == "cancelled":
        run.checkpoint, run.counts = {}, {}


def revive(session: Session, *conditions: Any) -> int:
    """Make deliveries that were given up due again; how many."""
    revived = session.execute(
        update(OUTBOX)
        .where(OUTBOX.c.has_failed, *conditions)
        .values(has_failed=False, attempts=0, due_at=database_now())
    )
    return int(revived.rowcount)  # type: ignore[attr-defined]


def list_pending_storages(app: AppContext) -> list[int]:
    """Export storages that have something due, for the poll."""
    query = select(col(Outbox.storage_id)).where(*due_conditions()).distinct()
    with app.database.read() as session:
        return list(session.exec(query))
