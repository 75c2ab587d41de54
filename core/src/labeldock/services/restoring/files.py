"""The files of an archive, copied to where they are kept from now on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, BinaryIO, Final, cast

import orjson
from sqlmodel import select

from labeldock.db.archives import StoredFile
from labeldock.services.backups.format import MEDIA, UPLOADS
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import NewFile, note_saved, reserve_file
from labeldock.services.persistent.store import PersistentStore, open_store
from labeldock.services.resolving.content import OCTETS
from labeldock.services.restoring.archives import Archive
from labeldock.services.restoring.lines import MOST_BYTES
from labeldock.services.restoring.pace import Pace
from labeldock.services.slots.kept import kept_key

_UPLOAD: Final = "upload"
_AT_ONCE: Final = 50  # files between two notes of how far it is


@dataclass(frozen=True, slots=True)
class EntryContent:
    """An entry of an archive as the content of a file."""

    archive: Archive
    name: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.archive.size_of(self.name)

    def open(self) -> BinaryIO:
        """The entry from its first byte; its checksum is compared at its end."""
        stream: IO[bytes] = self.archive.open_stream(self.name)
        return cast("BinaryIO", stream)


def copy_media(app: AppContext, archive: Archive, pace: Pace) -> None:
    """Copy objects to the persistent storage, from where the run is.

    Raises:
        NoSpace, StorageError: one cannot be written.
    """
    store, state = open_store(app), pace.state
    for number, line in enumerate(_iterate(archive, MEDIA, state.media), 1):
        pace.beat()
        if line["entry"] is not None:
            _copy_object(store, archive, state.slots[line["slot"]], line)
        state.media += 1
        if number % _AT_ONCE == 0:
            with pace.transaction():
                pass


def _copy_object(
    store: PersistentStore, archive: Archive, slot_id: int, line: dict[str, Any]
) -> None:
    content = EntryContent(archive, line["entry"])
    kind = line["content_type"] or OCTETS
    store.save(kept_key(slot_id, line["key"]), content, kind)


def copy_uploads(
    app: AppContext, archive: Archive, pace: Pace, run_id: int, user_id: int
) -> None:
    """Copy uploaded files, each with a row of its own.

    Raises:
        NoSpace, StorageError: one cannot be written.
    """
    store, state = open_store(app), pace.state
    for line in _iterate(archive, UPLOADS, state.uploads):
        new = NewFile(
            key=f"uploads/{state.project_id}/{line['name']}",
            kind=_UPLOAD,
            project_id=state.project_id,
            user_id=user_id,
            run_id=run_id,
            name=line["name"],
            content_type=line["content_type"],
            size=archive.size_of(line["entry"]),
        )
        with pace.transaction() as session:
            query = select(StoredFile).where(StoredFile.key == new.key)
            # There already if somebody was killed while it was copied.
            file = session.exec(query).first() or reserve_file(app, session, new)
            file_id = file.id
        content = EntryContent(archive, line["entry"])
        saved = store.save(new.key, content, new.content_type or OCTETS)
        state.uploads += 1
        with pace.transaction() as session:
            row = session.get_one(StoredFile, file_id)
            note_saved(row, saved, content.size)


def _iterate(archive: Archive, name: str, done: int) -> Iterator[dict[str, Any]]:
    with archive.open(name) as entry:
        for line in islice(entry.iterate_lines(MOST_BYTES), done, None):
            values: dict[str, Any] = orjson.loads(line)
            yield values
