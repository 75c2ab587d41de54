"""Who was served which media, for the audit log, if the operator wants to know.

Nobody who looks at media waits for it: entries are put into a bounded queue and written
many at a time. When the database is away for too long the newest are dropped, and the
log says how many.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final, NamedTuple

from sqlalchemy import insert
from sqlmodel import Session, col, select

from labeldock import telemetry
from labeldock.contract.observers import MediaServed
from labeldock.db.audit import AuditEvent
from labeldock.db.columns import utc_now
from labeldock.db.tables import Storage, User
from labeldock.services import auditing
from labeldock.services.auditing import Action, Deed, Origin
from labeldock.services.context import AppContext

SIZE: Final = 10_000
_BATCH: Final = 1000


class _Note(NamedTuple):
    event: MediaServed
    origin: Origin
    at: Any  # a datetime
    correlation_id: str


class MediaJournal:
    """One per process. `note` is for the event loop, `write` for a thread."""

    def __init__(self, app: AppContext, *, size: int = SIZE) -> None:
        """Start with nothing to write."""
        self._app, self._size = app, size
        self._notes: deque[_Note] = deque()
        self._dropped = 0
        self._writing = threading.Lock()

    def note(self, event: MediaServed) -> bool:
        """Remember one; whether it is the first, so that writing has to be asked for.

        Of the request that is being answered, the address and the correlation id.
        """
        if len(self._notes) >= self._size:
            self._dropped += 1
            return False
        was_empty = not self._notes
        correlation_id = telemetry.find_correlation_id()
        note = _Note(event, auditing.find_origin(), utc_now(), correlation_id)
        self._notes.append(note)
        return was_empty

    def write(self) -> None:
        """Write what is remembered; what cannot be written is kept for the next time.

        Raises:
            SQLAlchemyError: the database could not be used.
        """
        with self._writing:
            while self._notes:
                count = min(len(self._notes), _BATCH)
                batch = [self._notes[number] for number in range(count)]
                with self._app.database.write() as session:
                    self._write_batch(session, batch)
                for _ in batch:
                    self._notes.popleft()

    def _write_batch(self, session: Session, batch: list[_Note]) -> None:
        names = _load_names(session, {note.event.user_id for note in batch})
        storages = {note.event.storage_id for note in batch}
        projects = _load_projects(session, storages)
        rows = [_render(note, names, projects) for note in batch]
        session.execute(insert(AuditEvent), rows)
        dropped = self._dropped
        if dropped:
            details = {"dropped": dropped}
            deed = Deed(Action.MEDIA_SERVED, outcome="failure", details=details)
            auditing.record(session, None, deed)
            session.flush()
            self._dropped -= dropped


def _load_names(session: Session, ids: set[int | None]) -> dict[int | None, str]:
    query = select(User.id, User.email).where(col(User.id).in_(ids - {None}))
    return dict(session.exec(query).all())


def _load_projects(session: Session, ids: set[int | None]) -> dict[int | None, int]:
    is_theirs = col(Storage.id).in_(ids - {None})
    query = select(Storage.id, Storage.project_id).where(is_theirs)
    return dict(session.exec(query).all())


def _render(
    note: _Note, names: dict[int | None, str], projects: dict[int | None, int]
) -> dict[str, Any]:
    event = note.event
    details: dict[str, Any] = {"key": auditing.clip(event.key), "mode": event.mode}
    if event.task_id is not None:
        details["task"] = event.task_id
    return {
        "created_at": note.at,
        "action": Action.MEDIA_SERVED.value,
        "outcome": "success",
        "user_id": event.user_id,
        "user_email": names.get(event.user_id, ""),
        "channel": note.origin.channel,
        "address": note.origin.address,
        "target_kind": "storage" if event.storage_id else "file",
        "target_id": str(event.storage_id or ""),
        "project_id": projects.get(event.storage_id),
        "details": details,
        "correlation_id": note.correlation_id,
    }
