"""Predictions that a client sends for many tasks of a project: all of them, or none."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import Problem
from labeldock.db.tables import Prediction, Task
from labeldock.db.types import escape_text
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.annotations import ring_deliveries
from labeldock.services.context import AppContext
from labeldock.services.counters import count_predictions, lock_tasks
from labeldock.services.exporting import outbox
from labeldock.services.label_results import is_result

_MOST_SHOWN: Final = 10


def import_predictions(
    app: AppContext,
    principal: Principal,
    project_id: int,
    rows: Any,  # whatever JSON knows
) -> int:
    """Save predictions, each an object with `task` and `result`; how many they were.

    Raises:
        InvalidInput: one of them is wrong; nothing was saved.
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
    _check(rows)

    def use_case(session: Session) -> list[int]:
        access.require(session, principal, project_id, Permission.MANAGE)
        numbers = Counter[int](row["task"] for row in rows)
        _refuse_foreign(session, project_id, set(numbers))
        lock_tasks(session, numbers)
        session.add_all(_build(project_id, row) for row in rows)
        session.flush()
        storages: set[int] = set()
        for task_id, count in sorted(numbers.items()):
            count_predictions(session, project_id, task_id, count)
            storages |= set(
                outbox.want_task(app, session, project_id, task_id, has_new_data=False)
            )
        return sorted(storages)

    ring_deliveries(app, app.database.transact(use_case))
    return len(rows)


def _refuse_foreign(session: Session, project_id: int, task_ids: set[int]) -> None:
    query = select(Task.id).where(
        Task.project_id == project_id, col(Task.id).in_(task_ids)
    )
    found: set[int] = set(session.exec(query))
    missing = sorted(task_ids - found)
    if missing:
        shown = ", ".join(map(str, missing[:_MOST_SHOWN]))
        raise InvalidInput(
            f"Project {project_id} has no task {shown}.",
            field="task",
            remedy="Name tasks of this project only; nothing was saved.",
        )


def _build(project_id: int, row: dict[str, Any]) -> Prediction:
    return Prediction(
        task_id=row["task"],
        project_id=project_id,
        result=row["result"],
        score=row.get("score"),
        model_version=escape_text(str(row.get("model_version") or "undefined")),
    )


def _check(rows: Any) -> None:  # whatever JSON knows
    if not isinstance(rows, list) or not rows:
        raise InvalidInput(
            "A list of predictions is required.",
            remedy='Send [{"task": 1, "result": [...]}, ...].',
        )
    problems = [p for at, row in enumerate(rows) if (p := _find_problem(at, row))]
    if problems:
        raise InvalidInput(
            "The predictions cannot be saved.", problems=problems[:_MOST_SHOWN]
        )


def _find_problem(at: int, row: Any) -> Problem | None:  # whatever JSON knows
    where = f"Prediction {at}"
    if not isinstance(row, dict):
        return Problem(None, f"{where} is not an object.")
    task, score = row.get("task"), row.get("score")
    if not isinstance(task, int) or isinstance(task, bool) or not 0 < task < 2**63:
        return Problem("task", f"{where} does not name its task by number.")
    if not is_result(row.get("result")):
        return Problem("result", f"{where}: must be a list of objects of JSON.")
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        return Problem("score", f"{where}: must be a number.")
    return None
