"""What became of the objects of a bucket: told by their links, not by the bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from labeldock.contract.values import ObjectInfo, Purpose
from labeldock.db.tables import ExportLink, ImportLink
from labeldock.services.buckets.opening import OpenBucket

_LINK: Final[Any] = ImportLink.__table__  # type: ignore[attr-defined]
_VANISHED: Final = 20
_LOOKED_AT: Final = 5000


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What is known of an object.

    Attributes:
        name: `new` (not imported yet), `filtered` (the storage's pattern drops it),
            `task`, `changed` (since it was imported), `empty`, `failed`, `kept_away`,
            or `written` (by an export).
        tasks: how many tasks it became.
        task_id: the first of them.
        message: why it failed.
    """

    name: str
    tasks: int = 0
    task_id: int | None = None
    message: str = ""


def find_states(
    session: Session, bucket: OpenBucket, infos: Sequence[ObjectInfo]
) -> dict[str, ObjectState]:
    """The state of each object of a page."""
    keys = [info.key for info in infos]
    if bucket.purpose is Purpose.EXPORT:
        found = _find_written(session, bucket.storage_id, keys)
    else:
        found = _find_imported(session, bucket.storage_id, infos)
    return {key: found.get(key) or _say_unknown(bucket, key) for key in keys}


def _say_unknown(bucket: OpenBucket, key: str) -> ObjectState:
    is_import = bucket.purpose is Purpose.IMPORT
    is_dropped = bucket.pattern is not None and bucket.pattern.match(key) is None
    return ObjectState("filtered" if is_import and is_dropped else "new")


def _find_written(
    session: Session, storage_id: int, keys: Sequence[str]
) -> dict[str, ObjectState]:
    query = select(col(ExportLink.key), col(ExportLink.task_id)).where(
        col(ExportLink.storage_id) == storage_id, col(ExportLink.key).in_(keys)
    )
    return {
        key: ObjectState("written", task_id=task_id)
        for key, task_id in session.execute(query)
    }


def _find_imported(
    session: Session, storage_id: int, infos: Sequence[ObjectInfo]
) -> dict[str, ObjectState]:
    link = _LINK.c
    query = (
        select_columns(
            link.key,
            func.count(link.task_id),
            func.min(link.task_id),
            func.max(link.state),
            func.max(link.etag),
            func.max(link.size),
            func.min(link.id),
        )
        .where(link.storage_id == storage_id)
        .where(link.key.in_([info.key for info in infos]))
        .group_by(link.key)
    )
    rows = {row[0]: row for row in session.execute(query)}
    known = {info.key: info for info in infos}
    failed = [row[6] for row in rows.values() if row[3] == "failed"]
    messages = _load_messages(session, failed)
    return {key: _judge(known[key], row, messages) for key, row in rows.items()}


def _load_messages(session: Session, ids: Sequence[int]) -> dict[int, str]:
    query = select(ImportLink).where(col(ImportLink.id).in_(ids))
    return {
        link.id: str((link.problem or {}).get("message", ""))
        for link in (session.exec(query) if ids else ())
    }


def _judge(info: ObjectInfo, row: Any, messages: dict[int, str]) -> ObjectState:
    _, tasks, task_id, state, etag, size, link_id = row
    if state != "linked":
        return ObjectState(state, message=messages.get(link_id, ""))
    has_changed = etag != info.etag if etag and info.etag else size != info.size
    return ObjectState("changed" if has_changed else "task", tasks, task_id)


def list_vanished(
    session: Session, bucket: OpenBucket, prefix: str, first: str, upto: str | None
) -> list[str]:
    """Keys of a stretch of the listing that have links and are known to be gone."""
    if bucket.purpose is Purpose.EXPORT:
        return []
    link = _LINK.c
    stretch = (
        select_columns(link.key, link.object_exists)
        .where(link.storage_id == bucket.storage_id, link.key >= first)
        .order_by(link.key)
        .limit(_LOOKED_AT)
    )
    if upto is not None:
        stretch = stretch.where(link.key <= upto)
    looked_at = stretch.subquery()
    gone = (
        select_columns(looked_at.c.key)
        .where(looked_at.c.object_exists.is_(False))
        .distinct()
        .order_by(looked_at.c.key)
    )
    keys = [key for (key,) in session.execute(gone) if key.startswith(prefix)]
    return [key for key in keys if "/" not in key[len(prefix) :]][:_VANISHED]
