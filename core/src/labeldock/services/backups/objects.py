"""The objects that go into a full backup: which ones, and their bytes, in order.

Which ones is kept in a file beside the archive, so that memory stays flat however many
there are. They are read several at a time, ahead of who writes them, and bounded: small
ones whole, large ones by the block when their turn comes.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple

from labeldock.contract.errors import (
    AccessDenied,
    IntegrityError,
    InvalidKey,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
    StorageError,
    TooLarge,
    TransientStorageError,
    Unavailable,
)
from labeldock.contract.values import (
    ByteRange,
    ObjectBody,
    ObjectInfo,
    ReadRequest,
)
from labeldock.services.backups.places import Object
from labeldock.services.connections import Place
from labeldock.settings import Settings
from labeldock.telemetry import CorrelatedPool

SMALL: Final = 4 * 1024 * 1024
"""The largest object that is read whole, ahead of its turn."""
_BLOCK: Final = 1024 * 1024
_TRIES: Final = 3
_PAUSE: Final = 0.2
_OF_THE_OBJECT: Final = (
    ObjectNotFound, AccessDenied, InvalidKey, IntegrityError, NotSupported, TooLarge,
)  # fmt: skip
"""What is wrong with one object alone; anything else is wrong with the storage."""


class Wanted(NamedTuple):
    """An object to copy: what the archive calls it, and where it lies.

    `source` is the storage's number, or minus the slot's if its media are kept.
    """

    slot: str
    key: str
    source: int
    place_key: str


class Fetched(NamedTuple):
    """An object that was looked at: its bytes, or why there are none.

    Attributes:
        wanted: the object.
        info: what its storage says of it; None with a problem.
        blocks: its bytes, to be taken before the next one is asked for.
        problem: why it cannot be read, None if it can.
        sha256: of its bytes, if all of them were read already.
    """

    wanted: Wanted
    info: ObjectInfo | None
    blocks: Iterable[bytes]
    problem: StorageError | None
    sha256: str | None = None


class WantedList:
    """The objects of a backup, each once, in a file; in the order of slot and key."""

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE wanted (slot TEXT, key TEXT, source INTEGER, place_key TEXT, "
            "PRIMARY KEY (slot, key)) WITHOUT ROWID"
        )

    def add(self, objects: Iterable[Object]) -> None:
        """Note objects; those that are noted already are not noted again."""
        rows = []
        for each in objects:
            source = each.located.source
            number = -(source.slot_id or 0) if source.is_kept else source.id
            rows.append((each.slot, each.key, number, each.located.key))
        statement = "INSERT OR IGNORE INTO wanted VALUES (?, ?, ?, ?)"
        self._database.executemany(statement, rows)

    def count(self) -> int:
        """How many there are."""
        found = self._database.execute("SELECT count(*) FROM wanted").fetchone()
        return int(found[0])

    def __iter__(self) -> Iterator[Wanted]:
        """All of them, in order."""
        query = "SELECT slot, key, source, place_key FROM wanted ORDER BY slot, key"
        for row in self._database.execute(query):
            yield Wanted(*row)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


Find = Callable[[Wanted], tuple[Place, str]]
"""Where an object is read, and under which key."""


def fetch_objects(
    settings: Settings, wanted: Iterable[Wanted], find: Find
) -> Iterator[Fetched]:
    """The objects with their bytes, in order.

    Raises:
        StorageError: a storage as a whole does not answer.
    """
    most = max(1, min(2 * settings.read_threads, settings.read_ahead_bytes // SMALL))
    with CorrelatedPool(settings.read_threads, "backup-media") as pool:
        try:
            ahead: deque[Future[Fetched]] = deque()
            for each in wanted:
                ahead.append(pool.submit(_fetch, find, each))
                if len(ahead) >= most:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(find: Find, wanted: Wanted) -> Fetched:
    try:
        place, key = find(wanted)
        return _try_again(lambda: _read_small(place, key, wanted))
    except _OF_THE_OBJECT as error:
        return Fetched(wanted, None, (), error)


def _try_again(read: Callable[[], Fetched]) -> Fetched:
    for attempt in range(1, _TRIES):
        try:
            return read()
        except (TransientStorageError, IntegrityError):
            time.sleep(_PAUSE * 2**attempt)
    return read()


def _read_small(place: Place, key: str, wanted: Wanted) -> Fetched:
    body = place.get_data(ReadRequest(key))
    try:
        if body.info.size > SMALL:
            return Fetched(wanted, body.info, _stream(place, key, body.info), None)
        blocks = list(_read_all(body))
    finally:
        body.reader.close()
    digest = hashlib.sha256()  # here, where others do the same beside it
    for block in blocks:
        digest.update(block)
    return Fetched(wanted, body.info, blocks, None, digest.hexdigest())


def _read_all(body: ObjectBody) -> Iterator[bytes]:
    left = body.info.size
    while left:
        block = body.reader.read(min(_BLOCK, left))
        if not block:
            raise IntegrityError("The object ended early.", key=body.info.key)
        left -= len(block)
        yield block


def _stream(place: Place, key: str, info: ObjectInfo) -> Iterator[bytes]:
    """A large object by the block; a connection that breaks is followed by another."""
    position, failures = 0, 0
    while position < info.size:
        try:
            for block in _read_from(place, key, info, position):
                position += len(block)
                failures = 0
                yield block
        except PreconditionFailed as error:
            raise Unavailable(
                "The object was changed while it was copied.", key=key
            ) from error
        except (TransientStorageError, IntegrityError):
            failures += 1
            if failures == _TRIES:
                raise
            time.sleep(_PAUSE * 2**failures)


def _read_from(
    place: Place, key: str, info: ObjectInfo, position: int
) -> Iterator[bytes]:
    request = ReadRequest(key, ByteRange(position, info.size - 1), if_match=info.etag)
    body = place.get_data(request)
    try:
        left = info.size - position
        while left:
            block = body.reader.read(min(_BLOCK, left))
            if not block:
                raise IntegrityError("The object ended early.", key=key)
            left -= len(block)
            yield block
    finally:
        body.reader.close()
