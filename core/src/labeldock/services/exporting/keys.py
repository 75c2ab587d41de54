"""Under which keys annotations, or their tasks, lie in an export storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping
from sqlmodel import and_, col, select

from labeldock.db.tables import Annotation, ImportLink, Task
from labeldock.services.exporting.plans import Plan
from labeldock.services.exporting.templates import fill_template


class Item(NamedTuple):
    """What a file is about: an annotation of a task, or (None) the task itself."""

    task_id: int
    annotation_id: int | None

    @property
    def number(self) -> int:
        """The number of what it is about."""
        return self.task_id if self.annotation_id is None else self.annotation_id


def build_item(plan: Plan, annotation_id: int, task_id: int) -> Item:
    """What a storage writes when this annotation changes."""
    return Item(task_id, None if plan.is_by_task else annotation_id)


def name_items(
    connection: Connection, plan: Plan, items: Sequence[Item]
) -> dict[Item, str]:
    """The whole keys: the storage's prefix, joined once, and a number or a template.

    They depend on nothing that changes. Where the plan's template is not unique, two
    items may have one key, which the outbox sees to.
    """
    if plan.template is None:
        return {i: f"{plan.prefix}{i.number}{plan.extension}" for i in items}
    values = _read_values(connection, plan, items)
    return {
        item: plan.prefix + fill_template(plan.template, values[item])
        for item in items
        if item in values
    }


def name_bundle(plan: Plan, run: Mapping[str, Any]) -> str:
    """The key of a file that holds everything."""
    values = {**run, "project.id": plan.project_id}
    return plan.prefix + fill_template(plan.template or "", values)


def _read_values(
    connection: Connection, plan: Plan, items: Sequence[Item]
) -> dict[Item, dict[str, Any]]:
    source = and_(
        col(ImportLink.task_id) == col(Task.id), col(ImportLink.state) == "linked"
    )
    query: Any = (
        select(
            col(Task.id).label("task_id"),
            col(Task.inner_id).label("inner_id"),
            col(Task.created_at).label("task_created_at"),
            col(ImportLink.key).label("source_key"),
        )
        .join(ImportLink, source, isouter=True)
        .order_by(col(ImportLink.id).desc())  # the oldest link counts, so it is last
    )
    if plan.is_by_task:
        numbers = [item.task_id for item in items]
        query = query.where(col(Task.id).in_(numbers))
    else:
        numbers = [item.number for item in items]
        query = query.add_columns(
            col(Annotation.id).label("annotation_id"),
            col(Annotation.created_at).label("annotation_created_at"),
        )
        query = query.join(Annotation, col(Annotation.task_id) == col(Task.id))
        query = query.where(col(Annotation.id).in_(numbers))
    return {
        Item(row["task_id"], row.get("annotation_id")): _list_values(plan, row)
        for row in connection.execute(query).mappings()
    }


def _list_values(plan: Plan, row: RowMapping) -> dict[str, Any]:
    return {
        "project.id": plan.project_id,
        "task.id": row["task_id"],
        "task.inner_id": row["inner_id"],
        "task.created_at": row["task_created_at"],
        "source_key": row["source_key"],
        "annotation.id": row.get("annotation_id"),
        "annotation.created_at": row.get("annotation_created_at"),
    }
