"""The inbox: keys that notifications named, until a run has looked at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, exists
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, and_, col, delete, or_, select, update

from labeldock.contract.errors import NotFound, Unavailable
from labeldock.contract.values import MAX_KEY_BYTES
from labeldock.db.columns import utc_now
from labeldock.db.messages import EventInlet, InboxEntry
from labeldock.db.partitions import OPEN_PART_STATES, Part
from labeldock.db.tables import Storage
from labeldock.services.context import AppContext
from labeldock.services.events.envelopes import Notice, iterate_keys
from labeldock.services.events.requests import request_drain
from labeldock.services.runs import RunView

MAX_WAITING: Final = 100_000
"""Keys in one storage's inbox from which on senders are asked to come again later."""

_AT_ONCE: Final = 200  # conditions in one statement
_INBOX: Final = InboxEntry.__table__  # type: ignore[attr-defined]


class InboxFull(Unavailable):
    """The inbox holds as much as it may; the sender has to come again."""

    code = "inbox_full"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a notification."""

    accepted: int
    ignored: int


def accept_notice(app: AppContext, storage_id: int, notice: Notice) -> Accepted:
    """Keep what a notification names, and have a run look at it.

    Objects of other buckets are ignored, and names that no object can have.

    Raises:
        NotFound: the storage is gone.
        InboxFull: too much waits already.
    """

    def use_case(session: Session) -> tuple[Accepted, RunView | None]:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"There is no storage {storage_id}.", field="storage")
        keys = _select_keys(notice, storage)
        _note_arrival(session, storage_id, notice)
        run = None
        if keys:
            _refuse_overflow(session, storage_id)
            _put(session.connection(), storage_id, keys)
            run = request_drain(app, session, storage)
        total = len(notice.named) + notice.unusable
        return Accepted(len(keys), total - len(keys)), run

    accepted, run = app.database.transact(use_case)
    if run is not None:
        app.bell.ring_run(run.id, run.kind)
    return accepted


def _select_keys(notice: Notice, storage: Storage) -> list[str]:
    """Usable keys, each once, in order: two senders lock rows in the same one."""
    container = urlsplit(storage.base_uri).netloc
    return sorted({key for key in iterate_keys(notice, container) if _is_usable(key)})


def _is_usable(key: str) -> bool:
    if "\0" in key or key.endswith("/"):
        return False
    return len(key.encode("utf-8", "replace")) <= MAX_KEY_BYTES


def _note_arrival(session: Session, storage_id: int, notice: Notice) -> None:
    values: dict[str, Any] = {"last_event_at": utc_now()}
    if notice.confirm_url:
        values["confirm_url"] = notice.confirm_url
    elif notice.named:
        values["confirm_url"] = None  # it sends, so it was confirmed
    session.execute(
        update(EventInlet)
        .where(col(EventInlet.storage_id) == storage_id)
        .values(**values)
    )


def _refuse_overflow(session: Session, storage_id: int) -> None:
    query = select(InboxEntry.id).where(InboxEntry.storage_id == storage_id)
    if session.exec(query.offset(MAX_WAITING).limit(1)).first() is not None:
        raise InboxFull(
            "Too many notifications wait for this storage.",
            retry_after=60.0,
        )


def _put(connection: Connection, storage_id: int, keys: Sequence[str]) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(_INBOX)
    again = insert.on_conflict_do_update(
        index_elements=["storage_id", "key"], set_={"version": _INBOX.c.version + 1}
    )
    now = utc_now()
    rows = [
        {"storage_id": storage_id, "key": key, "version": 1, "created_at": now}
        for key in keys
    ]
    connection.execute(again, rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key to be looked at, as of one moment."""

    id: int
    key: str
    version: int


def list_entries(
    app: AppContext, storage_id: int, limit: int, *, beside: int | None = None
) -> list[Entry]:
    """What has waited longest.

    Args:
        app: the parts.
        storage_id: whose inbox.
        limit: how many at most.
        beside: a run; keys in a part of it that somebody works on are left out.
    """
    query = (
        select(InboxEntry)
        .where(InboxEntry.storage_id == storage_id)
        .order_by(col(InboxEntry.id))
        .limit(limit)
    )
    if beside is not None:
        query = query.where(~_is_worked_on(beside))
    with app.database.read() as session:
        return [Entry(row.id, row.key, row.version) for row in session.exec(query)]


def _is_worked_on(run_id: int) -> ColumnElement[bool]:
    return exists().where(
        col(Part.run_id) == run_id,
        col(Part.state).in_(OPEN_PART_STATES),
        col(Part.lease_owner) != "",
        col(Part.after_key) < col(InboxEntry.key),
        or_(col(Part.upto_key).is_(None), col(InboxEntry.key) <= col(Part.upto_key)),
    )


def count_entries(session: Session, storage_id: int) -> int:
    """How many keys wait; past the most that may, it is not counted on."""
    query = select(InboxEntry.id).where(InboxEntry.storage_id == storage_id)
    return len(session.exec(query.limit(MAX_WAITING + 1)).all())


def remove_entries(app: AppContext, entries: Sequence[Entry]) -> None:
    """Forget what was looked at, unless it was named again meanwhile."""

    def use_case(session: Session) -> None:
        for first in range(0, len(entries), _AT_ONCE):
            is_same = [
                and_(_INBOX.c.id == entry.id, _INBOX.c.version == entry.version)
                for entry in entries[first : first + _AT_ONCE]
            ]
            session.execute(delete(_INBOX).where(or_(*is_same)))

    app.database.transact(use_case)  # senders lock the rows in an order of their own
