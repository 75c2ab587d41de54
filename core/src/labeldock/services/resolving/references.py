"""Whether any task of a project refers to an object; asked for where that is a rule."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlmodel import Session, Text, cast, col, select

from labeldock.db.slots import Reference
from labeldock.db.tables import ImportLink, Task
from labeldock.services.resolving.data import map_texts
from labeldock.services.resolving.storages import MediaSource
from labeldock.services.resolving.uris import find_uris

# What JSON and HTML never escape, however often a URI was written into the other.
_UNESCAPED: Final = re.compile(r"[\w./ -]+", re.ASCII)
_PAGE: Final = 1000


def has_link(session: Session, source: MediaSource, key: str) -> bool:
    """Whether a task was made from the object."""
    table: Any = ImportLink if source.id else Reference
    place = table.storage_id == source.id if source.id else _is_of(source)
    query = select(table.id).where(
        place, table.key == key, col(table.task_id).is_not(None)
    )
    return session.exec(query.limit(1)).first() is not None


def _is_of(source: MediaSource) -> Any:  # a condition
    return Reference.slot_id == source.slot_id


def refers_to(session: Session, project_id: int, uri: str) -> bool:
    """Whether the data of a task has the URI in it, in whatever form it is found."""
    scheme = uri.partition("://")[0]
    # The database finds the tasks that may have it; only reading them tells.
    certain = max(_UNESCAPED.findall(uri.partition("://")[2]), key=len, default="")
    query = (
        select(Task.data)
        .where(
            Task.project_id == project_id,
            cast(col(Task.data), Text).contains(certain, autoescape=True),
        )
        .execution_options(yield_per=_PAGE)
    )
    return any(_holds(data, scheme, uri) for data in session.exec(query))


def _holds(data: object, scheme: str, uri: str) -> bool:
    found: list[str] = []

    def note(text: str) -> str:
        found.extend(each.uri for each in find_uris(text, {scheme}))
        return text

    map_texts(data, note)
    return uri in found
