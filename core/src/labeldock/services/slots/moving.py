"""Links of storages made into references of slots, and back, with mapped keys.

Each is a statement or two, however many rows there are: nothing passes through here.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlmodel import Session

from labeldock.db.columns import utc_now
from labeldock.db.slots import Reference, Slot
from labeldock.db.tables import ImportLink, Storage
from labeldock.services.slots.origins import is_own

_LINK: Final[Any] = ImportLink.__table__  # type: ignore[attr-defined]
_REFERENCE: Final[Any] = Reference.__table__  # type: ignore[attr-defined]
_COPIED: Final = ("task_id", "row_group", "row_index", "state", "size", "last_modified")


def release_links(session: Session, slot: Slot, storage: Storage) -> int:
    """Make a storage's links into references of the slot that they belong to.

    Objects that gave no task are forgotten, except those that are to stay away. Returns
    how many references it made.
    """
    belongs = _belongs(slot, storage)
    kept = or_(_LINK.c.task_id.is_not(None), _LINK.c.state == "kept_away")
    is_identical = slot.prefix == slot.mapped_prefix
    key = _LINK.c.key
    if not is_identical:
        key = _map(_LINK.c.key, slot.mapped_prefix, slot.prefix)
    etag = _LINK.c.etag if is_same_place(slot, storage) else literal("")
    known = exists().where(
        _REFERENCE.c.slot_id == slot.id,
        _REFERENCE.c.key == key,
        _REFERENCE.c.row_group == _LINK.c.row_group,
        _REFERENCE.c.row_index == _LINK.c.row_index,
    )
    rows = select(
        literal(slot.id), key, etag, *(_LINK.c[name] for name in _COPIED)
    ).where(belongs, kept, ~known)
    columns = ["slot_id", "key", "etag", *_COPIED]
    made: Any = session.execute(
        insert(_REFERENCE).from_select(columns, rows, include_defaults=False)
    )
    session.execute(delete(_LINK).where(belongs))
    return int(made.rowcount)


def link_references(session: Session, slot: Slot, storage: Storage) -> tuple[int, int]:
    """Make a slot's references into links of its storage; how many, and how many stay.

    Those stay whose object the storage has a link for already, or whose key does not
    begin with the slot's prefix. What the object was like is kept if this is the very
    place that it was seen in; elsewhere ETags differ, and its size has to tell.
    """
    key = _map(_REFERENCE.c.key, slot.prefix, slot.mapped_prefix)
    linked = exists().where(
        _LINK.c.storage_id == storage.id,
        _LINK.c.key == key,
        _LINK.c.row_group == _REFERENCE.c.row_group,
        _LINK.c.row_index == _REFERENCE.c.row_index,
    )
    ours = and_(_REFERENCE.c.slot_id == slot.id, _begins(_REFERENCE.c.key, slot.prefix))
    etag = _REFERENCE.c.etag if is_same_place(slot, storage) else literal("")
    rows = select(
        literal(storage.id),
        literal(slot.id),
        key,
        etag,
        *(_REFERENCE.c[name] for name in _COPIED),
        literal(True),  # noqa: FBT003  a value of a column
        literal(False),  # noqa: FBT003  as above
        literal(utc_now(), type_=_LINK.c.created_at.type),
    ).where(ours, ~linked)
    columns = ["storage_id", "slot_id", "key", "etag", *_COPIED]
    columns += ["object_exists", "object_changed", "created_at"]
    made: Any = session.execute(
        insert(_LINK).from_select(columns, rows, include_defaults=False)
    )
    its_own = or_(
        _LINK.c.task_id == _REFERENCE.c.task_id,
        and_(_LINK.c.task_id.is_(None), _REFERENCE.c.task_id.is_(None)),
    )
    session.execute(delete(_REFERENCE).where(ours, linked.where(its_own)))
    return int(made.rowcount), count_references(session, slot.id)


def count_references(session: Session, slot_id: int) -> int:
    """How many references a slot has."""
    query = select(func.count()).where(_REFERENCE.c.slot_id == slot_id)
    return int(session.execute(query).scalar_one())


def count_links(session: Session, slot: Slot, storage: Storage) -> int:
    """How many tasks a storage has links for that belong to a slot."""
    query = select(func.count(_LINK.c.task_id)).where(_belongs(slot, storage))
    return int(session.execute(query).scalar_one())


def is_same_place(slot: Slot, storage: Storage) -> bool:
    """Whether the storage is where the slot's media came from, so that ETags agree."""
    return (
        is_own(slot, storage)
        and slot.provider == storage.provider
        and slot.options == storage.settings
    )


def _belongs(slot: Slot, storage: Storage) -> ColumnElement[bool]:
    """Links of the storage that are the slot's; those that name none are its own."""
    named = _LINK.c.slot_id == slot.id
    unnamed = _LINK.c.slot_id.is_(None)
    mine = or_(named, unnamed) if is_own(slot, storage) else named
    return and_(_LINK.c.storage_id == storage.id, mine)


def _map(key: Any, before: str, after: str) -> Any:  # columns
    return literal(after).concat(func.substr(key, len(before) + 1))


def _begins(key: Any, prefix: str) -> Any:  # a column, and a condition on it
    return func.substr(key, 1, len(prefix)) == prefix
