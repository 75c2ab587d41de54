"""The tasks of a project as people go through them: page by page, however many.

A page is found by where the last one ended, never by counting. Filters that no index
knows look at a bounded number of tasks; the page then says that there is more to look
through, and where to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from sqlmodel import Session, and_, col, exists, literal, or_, select, tuple_

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import ImportLink, Outbox, Storage, Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext

WINDOW: Final = 10_000
"""How many tasks one page looks at, at most, where no index helps."""
STATES: Final = ("labelled", "unlabelled", "skipped")
TROUBLES: Final = ("changed", "vanished", "export")
_LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks: those of a storage, with such keys, in such a state, in trouble.

    `state` is one of `STATES`, `trouble` one of `TROUBLES`; empty means any.
    """

    storage_id: int | None = None
    prefix: str = ""
    state: str = ""
    trouble: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it leaves out nothing."""
        return self == TaskFilter()


class Mark(NamedTuple):
    """A place between two pages, as `TaskWalk` names it; and which of them is meant."""

    number: int
    is_back: bool = False


@dataclass(frozen=True, slots=True)
class TaskWalk:
    """A page of tasks, and where the pages beside it begin.

    Attributes:
        ids: the tasks, in order.
        after: where the next page begins; None at the end.
        before: where the page before this one ends; None at the beginning.
        is_partial: whether the look was ended before the page was full.
    """

    ids: list[int] = field(default_factory=list)
    after: int | None = None
    before: int | None = None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The tasks before and after a task, by number."""

    previous: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class _Path:
    """In which order tasks come: how a place is told, and what an index finds."""

    place: tuple[Any, ...]
    mark: Any  # the column that names a place in an address
    known: tuple[Any, ...]
    residual: tuple[Any, ...]
    is_by_key: bool = False
    is_back: bool = False

    def beyond(self, place: Sequence[Any]) -> Any:  # a condition
        given = [literal(v, c.type) for v, c in zip(place, self.place, strict=True)]
        here, there = tuple_(*self.place), tuple_(*given)
        return here < there if self.is_back else here > there

    def within(self, place: Sequence[Any]) -> Any:  # a condition
        given = [literal(v, c.type) for v, c in zip(place, self.place, strict=True)]
        here, there = tuple_(*self.place), tuple_(*given)
        return here >= there if self.is_back else here <= there

    def order(self) -> list[Any]:
        return [each.desc() if self.is_back else each for each in self.place]


def walk_tasks(
    app: AppContext,
    principal: Principal,
    project_id: int,
    chosen: TaskFilter,
    start: Mark | None = None,
    *,
    limit: int = 48,
) -> TaskWalk:
    """A page of a project's tasks.

    Args:
        app: the parts.
        principal: who looks.
        project_id: the project.
        chosen: which tasks; with a storage they come in the order of its keys.
        start: where the page begins, or ends; otherwise it is the first one.
        limit: how many tasks.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        path = _choose_path(session, project_id, chosen)
        path = replace(path, is_back=start is not None and start.is_back)
        place = _find_place(session, path, start)
        rows, end = _look(session, path, place, limit)
    more, rows = len(rows) > limit, rows[:limit]
    onward = rows[-1].mark if more else end
    is_partial = end is not None and not more
    if path.is_back:
        rows.reverse()
        after = rows[-1].mark if rows else None
        return TaskWalk([row.id for row in rows], after, onward, is_partial)
    before = rows[0].mark if rows and place is not None else None
    return TaskWalk([row.id for row in rows], onward, before, is_partial)


def _choose_path(session: Session, project_id: int, chosen: TaskFilter) -> _Path:
    known, residual = _list_conditions(chosen)
    if chosen.storage_id is None:
        place: tuple[Any, ...] = (col(Task.inner_id),)
        of_project = (Task.project_id == project_id, *known)
        return _Path(place, col(Task.inner_id), of_project, residual)
    storage = session.get(Storage, chosen.storage_id)
    if storage is None or storage.project_id != project_id:
        raise NotFound(f"Storage {chosen.storage_id} does not exist.", field="storage")
    place = (col(ImportLink.key), col(ImportLink.row_group), col(ImportLink.row_index))
    of_storage = (ImportLink.storage_id == chosen.storage_id, *_range(chosen.prefix))
    rest = (*known, *residual)
    return _Path(place, col(ImportLink.id), of_storage, rest, is_by_key=True)


def _list_conditions(
    chosen: TaskFilter,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What an index of the tasks knows, and what has to be looked at."""
    known: list[Any] = []
    residual: list[Any] = []
    if chosen.state in {"labelled", "unlabelled"}:
        # "=", as the index has it; IS TRUE is not found in it by every database.
        known.append(col(Task.is_labeled) == (chosen.state == "labelled"))
    if chosen.state == "skipped":
        residual.append(col(Task.cancelled_annotations) > 0)
    if chosen.prefix and chosen.storage_id is None:
        residual.append(_has_link(*_range(chosen.prefix)))
    if chosen.trouble == "changed":
        residual.append(_has_link(col(ImportLink.object_changed)))
    if chosen.trouble == "vanished":
        residual.append(_has_link(col(ImportLink.object_exists).is_(False)))
    if chosen.trouble == "export":
        residual.append(_has_undelivered())
    return tuple(known), tuple(residual)


def _range(prefix: str) -> tuple[Any, ...]:
    key = col(ImportLink.key)
    return (key >= prefix, key < prefix + _LAST) if prefix else ()


def _has_link(*conditions: Any) -> Any:  # a condition
    return exists().where(and_(col(ImportLink.task_id) == col(Task.id), *conditions))


def _has_undelivered() -> Any:  # a condition
    return exists().where(
        col(Outbox.task_id) == col(Task.id),
        col(Outbox.delivered_version) < col(Outbox.wanted_version),
        or_(col(Outbox.has_failed), col(Outbox.attempts) > 0),
    )


def _find_place(session: Session, path: _Path, start: Mark | None) -> Any:
    """Where a mark is; one that is gone leads to the beginning."""
    if start is None:
        return None
    if not path.is_by_key:
        return (start.number,)
    query = select(*path.place).where(*path.known, path.mark == start.number)
    return session.execute(query).first()


def _look(
    session: Session, path: _Path, place: Any, limit: int
) -> tuple[list[Any], int | None]:
    """Rows of task and mark, one more than wanted; and where the look was ended."""
    conditions = list(path.known)
    if place is not None:
        conditions.append(path.beyond(place))
    end = _end_window(session, path, conditions) if path.residual else None
    if end is not None:
        conditions.append(path.within(end[1:]))
    query = select(Task.id, path.mark.label("mark"))
    if path.is_by_key:
        query = query.join(ImportLink, col(ImportLink.task_id) == col(Task.id))
    query = query.where(*conditions, *path.residual).order_by(*path.order())
    rows = list(session.execute(query.limit(limit + 1)).all())
    return rows, end[0] if end is not None else None


def _end_window(session: Session, path: _Path, conditions: list[Any]) -> Any:
    """The place where the look ends; None if the end of everything comes before."""
    query = select(path.mark, *path.place).where(*conditions).order_by(*path.order())
    return session.execute(query.offset(WINDOW - 1).limit(1)).first()


def list_sources(
    app: AppContext, principal: Principal, project_id: int
) -> list[tuple[int, str]]:
    """The import storages of a project: their numbers, and what people call them."""
    query = select(Storage.id, Storage.title).where(
        Storage.project_id == project_id, Storage.purpose == Purpose.IMPORT
    )
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        rows = session.exec(query.order_by(col(Storage.id))).all()
    return [(number, title or f"Storage {number}") for number, title in rows]


def find_neighbours(
    app: AppContext, principal: Principal, project_id: int, inner_id: int
) -> Neighbours:
    """The tasks beside a place of the project's order."""
    here = col(Task.inner_id)
    of_project = select(Task.id).where(Task.project_id == project_id)
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        before = of_project.where(here < inner_id).order_by(here.desc()).limit(1)
        after = of_project.where(here > inner_id).order_by(here).limit(1)
        return Neighbours(session.exec(before).first(), session.exec(after).first())
