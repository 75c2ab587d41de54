"""Which tasks of a project are taken home, read page by page in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlmodel import Session, col, exists, select, tuple_

from labeldock.db.tables import Annotation, Project, Task
from labeldock.db.types import dump_json, load_json
from labeldock.services.context import AppContext
from labeldock.services.exporting.payloads import (
    Document,
    describe_tasks,
    encode_value,
)
from labeldock.services.resolving.data import name_undefined_key
from labeldock.services.tasks import UNDEFINED_KEY

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """All tasks of a project, or those that are annotated, or those that are named.

    With `with_every_key`, JSON has all the keys that clients of the API look for.
    """

    project_id: int
    only_annotated: bool = False
    task_ids: Sequence[int] | None = None
    with_every_key: bool = False


def iterate_documents(
    app: AppContext, selection: Selection
) -> Iterator[list[Document]]:
    """The tasks with everything said about them, each page in a transaction."""
    config = _load_label_config(app, selection)
    for page in _iterate_pages(app, selection, _read_documents):
        yield [_name_data(document, config) for document in page]


def iterate_data(app: AppContext, selection: Selection) -> Iterator[list[Any]]:
    """The data of the tasks alone."""
    config = _load_label_config(app, selection)
    for page in _iterate_pages(app, selection, _read_data):
        yield [name_undefined_key(data, config) for data in page]


def _load_label_config(app: AppContext, selection: Selection) -> str:
    with app.database.read() as session:
        project = session.get(Project, selection.project_id)
        return project.label_config if project else ""


def _name_data(document: Document, label_config: str) -> Document:
    """A document whose data is called as the label config calls it."""
    if UNDEFINED_KEY not in (encode_value(document["data"]) or ""):
        return document  # without having read it
    data = name_undefined_key(decode(document["data"]), label_config)
    return {**document, "data": orjson.Fragment(dump_json(data))}


def _iterate_pages(
    app: AppContext,
    selection: Selection,
    read: Callable[[Session, list[int]], list[Any]],
) -> Iterator[list[Any]]:
    """What `read` makes of the tasks; no transaction waits for who takes the pages."""
    place = tuple_(col(Task.inner_id), col(Task.id))
    query = select(Task.inner_id, Task.id).where(*_conditions(selection))
    query = query.order_by(col(Task.inner_id), col(Task.id)).limit(PAGE)
    after = (0, 0)
    while True:
        with app.database.read() as session:
            found = session.exec(query.where(place > after)).all()
            page = read(session, [task_id for _, task_id in found])
        if page:
            yield page
        if len(found) < PAGE:
            return
        after = found[-1]


def _read_documents(session: Session, ids: list[int]) -> list[Document]:
    described = describe_tasks(session.connection(), ids)
    return [described[task_id] for task_id in ids if task_id in described]


def _read_data(session: Session, ids: list[int]) -> list[Any]:
    query = select(Task.data).where(col(Task.id).in_(ids))
    return list(session.exec(query.order_by(col(Task.inner_id), col(Task.id))))


def _conditions(selection: Selection) -> Iterator[Any]:
    yield Task.project_id == selection.project_id
    if selection.task_ids is not None:
        yield col(Task.id).in_(selection.task_ids)
    if selection.only_annotated:
        yield exists().where(col(Annotation.task_id) == col(Task.id))


def decode(fragment: Any) -> Any:
    """The JSON value of a quoted text of a document."""
    text = encode_value(fragment)
    return None if text is None else load_json(text)
