"""Drafts: what somebody has begun to say about a task, seen by nobody else.

They are in no counter, no export and no backup. Saving an annotation removes the drafts
that led to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, delete, func, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import Problem
from labeldock.db.columns import utc_now
from labeldock.db.drafts import Draft
from labeldock.db.tables import Annotation, Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.counters import no_such_task
from labeldock.services.label_results import is_result

MOST_OF_A_TASK: Final = 100
"""How many drafts one user can have of one task."""
_CHANGEABLE: Final = ("result", "lead_time", "was_postponed")


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as its author sees it."""

    id: int
    task_id: int
    annotation_id: int | None
    user_id: int
    result: Any
    lead_time: float | None
    was_postponed: bool
    created_at: datetime
    updated_at: datetime


def create_draft(
    app: AppContext,
    principal: Principal,
    values: Mapping[str, Any],
    *,
    task_id: int | None = None,
    annotation_id: int | None = None,
) -> DraftView:
    """Keep what somebody has begun to say about a task, or to change of an annotation.

    Raises:
        InvalidInput: a value cannot be used, or there are too many drafts.
        NotFound, NotAllowed: as they say.
    """
    fields = _check_values({"result": [], **values})

    def use_case(session: Session) -> DraftView:
        of_task = _authorize(session, principal, task_id, annotation_id)
        mine = select(func.count(col(Draft.id))).where(
            Draft.task_id == of_task, Draft.user_id == principal.user_id
        )
        if session.exec(mine).one() >= MOST_OF_A_TASK:
            raise InvalidInput(
                f"There are {MOST_OF_A_TASK} drafts of this task already.",
                remedy="Change one of them, or remove some.",
            )
        draft = Draft(
            task_id=of_task,
            annotation_id=annotation_id,
            user_id=principal.user_id,
            **fields,
        )
        session.add(draft)
        session.flush()
        return _view(draft)

    return app.database.transact(use_case)


def list_drafts(
    app: AppContext,
    principal: Principal,
    *,
    task_id: int | None = None,
    annotation_id: int | None = None,
) -> list[DraftView]:
    """The caller's drafts of a task, or of an annotation, oldest first.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        of_task = _authorize(session, principal, task_id, annotation_id)
        query = select(Draft).where(
            Draft.task_id == of_task, Draft.user_id == principal.user_id
        )
        if annotation_id is not None:
            query = query.where(Draft.annotation_id == annotation_id)
        return [_view(row) for row in session.exec(query.order_by(col(Draft.id)))]


def list_own_drafts(
    app: AppContext, principal: Principal, task_ids: Collection[int]
) -> dict[int, list[DraftView]]:
    """The caller's drafts of tasks that they may see, by task."""
    found: dict[int, list[DraftView]] = {}
    if not task_ids:
        return found
    query = select(Draft).where(
        col(Draft.task_id).in_(task_ids), Draft.user_id == principal.user_id
    )
    with app.database.read() as session:
        for row in session.exec(query.order_by(col(Draft.id))):
            found.setdefault(row.task_id, []).append(_view(row))
    return found


def get_draft(app: AppContext, principal: Principal, draft_id: int) -> DraftView:
    """One of the caller's drafts.

    Raises:
        NotFound: there is none, or it is somebody else's.
        NotAllowed: they may not annotate there any more.
    """
    with app.database.read() as session:
        return _view(_load(session, principal, draft_id))


def update_draft(
    app: AppContext, principal: Principal, draft_id: int, values: Mapping[str, Any]
) -> DraftView:
    """Change what is given of one of the caller's drafts.

    Raises:
        InvalidInput: a value cannot be used.
        NotFound, NotAllowed: as with `get_draft`.
    """
    fields = _check_values(values)
    with app.database.write() as session:
        draft = _load(session, principal, draft_id)
        for name, value in fields.items():
            setattr(draft, name, value)
        draft.updated_at = utc_now()
        session.flush()
        return _view(draft)


def delete_draft(app: AppContext, principal: Principal, draft_id: int) -> None:
    """Remove one of the caller's drafts.

    Raises:
        NotFound, NotAllowed: as with `get_draft`.
    """
    with app.database.write() as session:
        session.delete(_load(session, principal, draft_id))


def drop_drafts(
    session: Session, user_id: int, task_ids: Collection[int], annotation_id: int | None
) -> None:
    """Remove the drafts that an annotation was made of, or that changed one."""
    is_same = col(Draft.annotation_id).is_not_distinct_from(annotation_id)
    session.execute(
        delete(Draft).where(
            col(Draft.task_id).in_(task_ids), col(Draft.user_id) == user_id, is_same
        )
    )


def _authorize(
    session: Session,
    principal: Principal,
    task_id: int | None,
    annotation_id: int | None,
) -> int:
    """The task that it is about, once it is clear that the caller may annotate it."""
    if annotation_id is None:
        missing = no_such_task(task_id or 0)
        place = select(Task.id, Task.project_id).where(Task.id == task_id)
    else:
        text = f"Annotation {annotation_id} does not exist."
        missing = NotFound(text, field="annotation")
        place = select(Annotation.task_id, Annotation.project_id).where(
            Annotation.id == annotation_id
        )
    found = session.exec(place).first()
    if found is None or task_id not in {None, found[0]}:
        raise missing
    access.require(session, principal, found[1], Permission.ANNOTATE, hidden=missing)
    return found[0]


def _load(session: Session, principal: Principal, draft_id: int) -> Draft:
    missing = NotFound(f"Draft {draft_id} does not exist.", field="draft")
    draft = session.get(Draft, draft_id)
    if draft is None:
        raise missing
    project_id = session.exec(
        select(Task.project_id).where(Task.id == draft.task_id)
    ).one()
    access.require(session, principal, project_id, Permission.ANNOTATE, hidden=missing)
    if draft.user_id != principal.user_id:
        raise missing
    return draft


def _check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: values[name] for name in _CHANGEABLE if name in values}
    problems = []
    if not is_result(fields.get("result", [])):
        text = "Must be a list of objects of JSON."
        problems.append(Problem("result", text, "Give [] for no regions."))
    if not isinstance(fields.get("was_postponed", False), bool):
        problems.append(Problem("was_postponed", "Must be true or false."))
    lead_time = fields.get("lead_time")
    if isinstance(lead_time, bool) or not isinstance(lead_time, float | int | None):
        problems.append(Problem("lead_time", "Must be a number of seconds."))
    if problems:
        raise InvalidInput("The draft cannot be kept.", problems=problems)
    return fields


def _view(draft: Draft) -> DraftView:
    return DraftView(**draft.model_dump(include=set(DraftView.__slots__)))
