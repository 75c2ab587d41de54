"""The lines of an archive that come straight from the database, in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
from sqlalchemy import Connection, String, func, type_coerce
from sqlmodel import col, select

from labeldock.db.tables import Annotation, Prediction, Task, User
from labeldock.services.backups.scope import Chosen, Page, iterate_pages, stream_rows

_PLACE: Final = (col(Task.inner_id), col(Task.id))
_FLAGS: Final = {False: "false", True: "true"}
Line = tuple[int, str, str]
"""The task that a line is about, by number, its data as JSON text, and the line."""

# Documents and times come as text from the database and are put into a line as they
# are; a line that is formatted takes a quarter of the time of one from a dictionary.


def iterate_tasks(connection: Connection, page: Page) -> Iterator[Line]:
    """The tasks of a page."""
    query = _select(
        col(Task.id),
        col(Task.inner_id),
        _text(Task.data),
        _text(Task.meta),
        col(Task.overlap),
        col(Task.allow_skip),
        col(Task.is_labeled),
        col(Task.total_annotations),
        col(Task.cancelled_annotations),
        col(Task.total_predictions),
        _time(connection, Task.created_at),
        _time(connection, Task.updated_at),
    ).where(page.condition)
    positions, flags = page.positions, _FLAGS
    for (
        task_id, inner_id, data, meta, overlap, skip, labeled,
        said, cancelled, predicted, created, updated,
    ) in stream_rows(connection, query.order_by(*_PLACE)):  # fmt: skip
        line = (
            f'{{"task":{positions[task_id]},"inner_id":{inner_id},"data":{data},'
            f'"meta":{meta or "null"},"overlap":{overlap},'
            f'"allow_skip":{flags[skip]},"is_labeled":{flags[labeled]},'
            f'"total_annotations":{said},'
            f'"cancelled_annotations":{cancelled},'
            f'"total_predictions":{predicted},'
            f'"created_at":"{created}","updated_at":"{updated}"}}'
        )
        yield task_id, data, line


def iterate_annotations(connection: Connection, chosen: Chosen) -> Iterator[str]:
    """What people said about the tasks."""
    query = (
        _select(
            col(Annotation.task_id),
            _text(Annotation.result),
            col(Annotation.was_cancelled),
            col(Annotation.ground_truth),
            col(Annotation.lead_time),
            col(User.email),
            _time(connection, Annotation.created_at),
            _time(connection, Annotation.updated_at),
        )
        .join(Task, col(Task.id) == col(Annotation.task_id))
        .join(User, col(User.id) == col(Annotation.completed_by_id), isouter=True)
        .order_by(*_PLACE, col(Annotation.id))
    )
    flags = _FLAGS
    for page in iterate_pages(connection, chosen):
        positions = page.positions
        for (
            task_id,
            result,
            cancelled,
            truth,
            lead_time,
            email,
            created,
            updated,
        ) in stream_rows(connection, query.where(page.condition)):
            yield (
                f'{{"task":{positions[task_id]},"result":{result},'
                f'"was_cancelled":{flags[cancelled]},"ground_truth":{flags[truth]},'
                f'"lead_time":{quote(lead_time)},"completed_by":{quote(email)},'
                f'"created_at":"{created}","updated_at":"{updated}"}}'
            )


def iterate_predictions(connection: Connection, chosen: Chosen) -> Iterator[str]:
    """What models said about the tasks."""
    has_any = select(Prediction.id).where(Prediction.project_id == chosen.project_id)
    if connection.execute(has_any.limit(1)).first() is None:
        return
    query = (
        _select(
            col(Prediction.task_id),
            _text(Prediction.result),
            col(Prediction.score),
            col(Prediction.model_version),
            _time(connection, Prediction.created_at),
            _time(connection, Prediction.updated_at),
        )
        .join(Task, col(Task.id) == col(Prediction.task_id))
        .order_by(*_PLACE, col(Prediction.id))
    )
    for page in iterate_pages(connection, chosen):
        for task_id, result, score, version, created, updated in stream_rows(
            connection, query.where(page.condition)
        ):
            yield (
                f'{{"task":{page.positions[task_id]},"result":{result},'
                f'"score":{quote(score)},"model_version":{quote(version)},'
                f'"created_at":"{created}","updated_at":"{updated}"}}'
            )


def quote(value: str | float | None) -> str:
    """A value as JSON text."""
    return "null" if value is None else orjson.dumps(value).decode()


def _select(*columns: Any) -> Any:  # more than the types know of
    return select(*columns)


def _text(column: Any) -> Any:  # a document as the text that it is stored as
    return type_coerce(column, String)


def _time(connection: Connection, column: Any) -> Any:
    return render_time(connection, column)


def render_time(connection: Connection, column: Any) -> Any:
    """A time as RFC 3339 writes it, made by the database; the same on either."""
    if connection.dialect.name == "sqlite":
        return func.replace(type_coerce(column, String), " ", "T").op("||")("Z")
    form = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    return type_coerce(func.to_char(func.timezone("UTC", column), form), String)
