"""What is known of the objects of an import storage, object by object.

The same few facts for every provider, and how many tasks each object has become.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Select, Text, cast, func, select
from sqlmodel import Session

from labeldock.contract.errors import NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import ImportLink, Storage
from labeldock.db.types import load_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext

_LINK: Final = ImportLink.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object as it was when it was seen last.

    Attributes:
        key: the whole key.
        size: in bytes.
        etag: tells one content from another.
        last_modified: when the storage says it was written.
        object_exists: whether it was there when it was looked for last.
        object_changed: whether it has changed since its tasks were made.
        state: `linked`, `empty`, `failed` or `kept_away`.
        n_tasks_linked: how many tasks it has become.
        problem: why it could not be imported.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime | None
    object_exists: bool
    object_changed: bool
    state: str
    n_tasks_linked: int
    problem: dict[str, Any] | None


def list_objects(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    *,
    key: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[ObjectView]:
    """The objects of a storage in the order of their keys.

    Args:
        app: the parts.
        principal: who asks.
        storage_id: an import storage.
        key: this one only.
        after: the last key that was seen.
        limit: how many at most.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    query = _select(storage_id).where(_LINK.c.key > after).limit(limit)
    if key is not None:
        query = _select(storage_id).where(_LINK.c.key == key)
    with app.database.read() as session:
        _check(session, principal, storage_id)
        return [_view(row) for row in session.execute(query)]


def _check(session: Session, principal: Principal, storage_id: int) -> None:
    storage = session.get(Storage, storage_id)
    missing = NotFound(f"There is no import storage {storage_id}.", field="storage")
    if storage is None or storage.purpose != Purpose.IMPORT:
        raise missing
    project_id = storage.project_id
    access.require(session, principal, project_id, Permission.VIEW, hidden=missing)


def _select(storage_id: int) -> Select[Any]:
    return (
        select(
            _LINK.c.key,
            func.min(_LINK.c.size),
            func.min(_LINK.c.etag),
            func.min(_LINK.c.last_modified, type_=_LINK.c.last_modified.type),
            func.min(cast(_LINK.c.object_exists, Integer)),
            func.max(cast(_LINK.c.object_changed, Integer)),
            func.min(_LINK.c.state),
            func.count(_LINK.c.task_id),
            func.min(cast(_LINK.c.problem, Text)),
        )
        .where(_LINK.c.storage_id == storage_id)
        .group_by(_LINK.c.key)
        .order_by(_LINK.c.key)
    )


def _view(row: Any) -> ObjectView:  # a row of the query above
    return ObjectView(
        key=row[0],
        size=row[1],
        etag=row[2],
        last_modified=row[3],
        object_exists=bool(row[4]),
        object_changed=bool(row[5]),
        state=row[6],
        n_tasks_linked=row[7],
        problem=load_json(row[8]) if row[8] else None,
    )
