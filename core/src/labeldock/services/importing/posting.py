"""Tasks that a client sends itself: parsed like a storage's files, added all or none.

They have no link to an object; whoever sent them is who completed their annotations.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, update
from sqlmodel import Session, col

from labeldock.contract.errors import InvalidInput
from labeldock.contract.observers import TasksCreated
from labeldock.db.bulk import encode_rows, insert_rows, reserve_ids
from labeldock.db.columns import utc_now
from labeldock.db.tables import Annotation, Prediction, Project, Task
from labeldock.db.types import dump_json, load_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.counters import add_tally, tally_task
from labeldock.services.importing.formats.kinds import Kind, find_kind
from labeldock.services.importing.formats.problems import UnusableFile
from labeldock.services.importing.formats.tasks import ParsedPrediction, ParsedTask
from labeldock.services.importing.parsing import parse_file
from labeldock.services.quotas import Limit, require_team_room
from labeldock.services.resolving.restoring import restore_data
from labeldock.services.webhooks.outbox import note_tasks

_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_ANNOTATION: Final = Annotation.__table__  # type: ignore[attr-defined]
_PREDICTION: Final = Prediction.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Posted:
    """A file as it was sent; `kind` is None if its name has to tell."""

    name: str
    content: bytes
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class PostedTasks:
    """What became of what was sent."""

    task_ids: tuple[int, ...]
    annotation_count: int
    prediction_count: int
    columns: tuple[str, ...]
    seconds: float


def import_posted(
    app: AppContext,
    principal: Principal,
    project_id: int,
    files: Sequence[Posted],
    *,
    prediction_fields: Sequence[str] = (),
    bases: Collection[str] = (),
) -> PostedTasks:
    """Add the tasks of some files to a project.

    With `prediction_fields`, each of these fields of a task is the result of a
    prediction of it. Media URLs of ours, below `bases`, become URIs again.

    Raises:
        InvalidInput: a file is broken, a row is no task, or there are none; nothing
            was added.
        NotFound, NotAllowed: as they say.
        QuotaExceeded: the team may not have so many more tasks; nothing was added.
    """
    began = time.monotonic()
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
    tasks = read_posted(app, files, bases)
    if prediction_fields:
        tasks = [_predict(task, prediction_fields) for task in tasks]
    if not tasks:
        raise InvalidInput("No tasks were sent.", remedy="Send at least one.")

    def use_case(session: Session) -> tuple[int, ...]:
        access.require(session, principal, project_id, Permission.MANAGE)
        connection = session.connection()
        require_team_room(app, connection, project_id, Limit.TASKS, len(tasks))
        writer = _Writer(session.connection(), project_id, principal.user_id)
        ids = writer.write(tasks)
        batch = app.settings.webhook_batch_size
        note_tasks(session.connection(), project_id, ids, batch=batch)
        return tuple(ids)

    ids = app.database.transact(use_case)
    app.catalog.notify("after_tasks_created", TasksCreated(project_id, ids, None))
    first = load_json(tasks[0].data)
    return PostedTasks(
        task_ids=ids,
        annotation_count=sum(len(task.annotations) for task in tasks),
        prediction_count=sum(len(task.predictions) for task in tasks),
        columns=tuple(first) if isinstance(first, dict) else (),
        seconds=time.monotonic() - began,
    )


def read_posted(
    app: AppContext, files: Sequence[Posted], bases: Collection[str] = ()
) -> list[ParsedTask]:
    """The tasks of files.

    Raises:
        InvalidInput: a file is broken, or a row is no task.
    """
    return [task for file in files for task in _parse(app, file, bases)]


def _parse(
    app: AppContext, file: Posted, bases: Collection[str]
) -> Iterator[ParsedTask]:
    shows_media = _MEDIA in file.content
    try:
        kind = file.kind or find_kind(file.name)
        for task in parse_file([file.content], kind, app.settings):
            yield _restore(task, bases) if shows_media else task
    except UnusableFile as error:
        where = f"{file.name}: " if file.name else ""
        raise InvalidInput(f"{where}{error.message}", remedy=_REMEDY) from None


_REMEDY: Final = "Correct it and send it again; nothing was imported."
_MEDIA: Final = b"?fileuri="


def _restore(task: ParsedTask, bases: Collection[str]) -> ParsedTask:
    data = restore_data(load_json(task.data), bases)
    return replace(task, data=dump_json(data))


def _predict(task: ParsedTask, fields: Sequence[str]) -> ParsedTask:
    data = load_json(task.data)
    results = [data.get(name) for name in fields]
    for name, result in zip(fields, results, strict=True):
        is_list = isinstance(result, list)
        if not is_list or not all(isinstance(part, dict) for part in result or ()):
            raise InvalidInput(
                f"The field {name!r} of a task is not a list of objects.",
                field="preannotated_from_fields",
            )
    made = tuple(ParsedPrediction(dump_json(result), None, "") for result in results)
    return replace(task, predictions=made)


class _Writer:
    """The statements of one import."""

    def __init__(self, connection: Connection, project_id: int, author_id: int) -> None:
        self._connection = connection
        self._project_id, self._author_id = project_id, author_id
        self._now = utc_now()

    def write(self, tasks: Sequence[ParsedTask]) -> Sequence[int]:
        first, overlap = self._take_numbers(tasks)
        ids = reserve_ids(self._connection, _TASK, len(tasks))
        numbers = range(first, first + len(tasks))
        self._insert(
            _TASK,
            [
                self._build_task(task_id, number, task, overlap)
                for task_id, number, task in zip(ids, numbers, tasks, strict=True)
            ],
        )
        self._insert(_ANNOTATION, list(self._iterate_annotations(ids, tasks)))
        self._insert(_PREDICTION, list(self._iterate_predictions(ids, tasks)))
        return ids

    def _take_numbers(self, tasks: Sequence[ParsedTask]) -> tuple[int, int]:
        """Count the tasks in, and take their numbers within the project."""
        locked = self._connection.execute(
            update(Project)
            .where(col(Project.id) == self._project_id)
            .values(next_inner_id=col(Project.next_inner_id) + len(tasks))
            .returning(col(Project.next_inner_id), col(Project.maximum_annotations))
        ).one()
        tally = Counter(task_number=len(tasks))
        for task in tasks:
            tally.update(tally_task(task, locked[1]))
        add_tally(self._connection, self._project_id, tally)
        return locked[0] - len(tasks), locked[1]

    def _insert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            columns = tuple(rows[0])
            values = encode_rows(
                self._connection, table, columns, [tuple(r.values()) for r in rows]
            )
            insert_rows(self._connection, table, columns, values)

    def _build_task(
        self, task_id: int, number: int, task: ParsedTask, overlap: int
    ) -> dict[str, Any]:
        done = _count_done(task)
        return {
            "id": task_id,
            "project_id": self._project_id,
            "inner_id": number,
            "data": load_json(task.data),
            "meta": None if task.meta is None else load_json(task.meta),
            "overlap": overlap,
            "allow_skip": task.allow_skip,
            "is_labeled": 0 < overlap <= done,
            "total_annotations": done,
            "cancelled_annotations": len(task.annotations) - done,
            "total_predictions": len(task.predictions),
            "version": 1,
            "updated_by_id": self._author_id,
            **self._times(),
        }

    def _iterate_annotations(
        self, ids: Sequence[int], tasks: Sequence[ParsedTask]
    ) -> Iterator[dict[str, Any]]:
        for task_id, task in zip(ids, tasks, strict=True):
            for annotation in task.annotations:
                yield {
                    **self._belongings(task_id),
                    **annotation._asdict(),
                    "result": load_json(annotation.result),
                    "completed_by_id": self._author_id,
                    "version": 1,
                }

    def _iterate_predictions(
        self, ids: Sequence[int], tasks: Sequence[ParsedTask]
    ) -> Iterator[dict[str, Any]]:
        for task_id, task in zip(ids, tasks, strict=True):
            for prediction in task.predictions:
                result = load_json(prediction.result)
                values = {**prediction._asdict(), "result": result}
                yield {**self._belongings(task_id), **values}

    def _belongings(self, task_id: int) -> dict[str, Any]:
        ours = {"task_id": task_id, "project_id": self._project_id}
        return {**ours, **self._times()}

    def _times(self) -> dict[str, Any]:
        return {"created_at": self._now, "updated_at": self._now}


def _count_done(task: ParsedTask) -> int:
    return sum(not annotation.was_cancelled for annotation in task.annotations)
