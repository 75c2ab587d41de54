"""Which tasks of a project: by number, by what is known of them, and in which order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlmodel import col

from labeldock.db.tables import Task

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "greater": operator.gt,
    "less_or_equal": operator.le,
    "greater_or_equal": operator.ge,
}
NUMBERS: Final = frozenset({
    "id", "inner_id", "total_annotations", "cancelled_annotations", "total_predictions",
})  # fmt: skip
"""Columns that can be compared with a number."""

ORDERINGS: Final = NUMBERS | {"created_at", "updated_at", "is_labeled"}


class Comparison(NamedTuple):
    """A column of `NUMBERS`, one of `COMPARISONS`, and the number."""

    column: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Everything, unless something is said.

    Attributes:
        included: only these tasks.
        excluded: none of these.
        is_labeled: only those that are finished, or are not.
        comparisons: only those of which all of this is true.
        ordering: columns of `ORDERINGS`, with `-` before those that go down.
    """

    included: tuple[int, ...] | None = None
    excluded: tuple[int, ...] = ()
    is_labeled: bool | None = None
    comparisons: tuple[Comparison, ...] = ()
    ordering: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether it leaves out no task."""
        return (self.included, self.excluded, self.is_labeled, self.comparisons) == (
            None,
            (),
            None,
            (),
        )

    def narrow(self, query: Any) -> Any:  # a select of tasks
        """The query, for these tasks alone."""
        if self.included is not None:
            query = query.where(col(Task.id).in_(self.included))
        if self.excluded:
            query = query.where(col(Task.id).not_in(self.excluded))
        if self.is_labeled is not None:
            query = query.where(col(Task.is_labeled).is_(self.is_labeled))
        for each in self.comparisons:
            column = col(getattr(Task, each.column))
            query = query.where(COMPARISONS[each.name](column, each.number))
        return query

    def order(self, query: Any) -> Any:  # a select of tasks
        """The query, in this order; what it leaves open is as in the project."""
        for name in self.ordering:
            column = col(getattr(Task, name.removeprefix("-")))
            query = query.order_by(column.desc() if name[0] == "-" else column.asc())
        return query.order_by(col(Task.inner_id))


EVERY_TASK: Final = TaskSelection()
