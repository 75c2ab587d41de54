"""The beginning of a text that a task refers to, so that a page can show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from labeldock.contract.errors import NotFound
from labeldock.contract.values import ByteRange, ReadRequest
from labeldock.db.tables import Storage
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import Connection, open_connection
from labeldock.services.context import AppContext
from labeldock.services.resolving.storages import load_sources
from labeldock.services.tasks import TaskView

MOST_BYTES: Final = 64 * 1024
_NOT_HERE: Final = "Nothing that is connected answers for it."


def read_text(
    app: AppContext, principal: Principal, task: TaskView, uri: str
) -> tuple[str, bool]:
    """The beginning of a text, and whether there is more of it.

    Raises:
        LabeldockError: it cannot be read; says why.
        NotFound, NotAllowed: as they say.
    """
    connection, key = _open(app, principal, task, uri)
    whole = _read(connection, ReadRequest(key, metadata_only=True), 0)[1]
    if not whole:
        return "", False
    last = min(whole, MOST_BYTES) - 1
    raw, _ = _read(connection, ReadRequest(key, ByteRange(0, last)), last + 1)
    return raw.decode("utf-8", "replace"), whole > len(raw)


def _open(
    app: AppContext, principal: Principal, task: TaskView, uri: str
) -> tuple[Connection, str]:
    with app.database.read() as session:
        access.require(session, principal, task.project_id, Permission.VIEW)
        found = load_sources(app.catalog, session, task.project_id).locate(
            uri, task.storage_id
        )
        storage = session.get(Storage, found.source.id) if found.source.id else None
        if storage is None:
            raise NotFound(_NOT_HERE)
        return open_connection(app, session, storage), found.key


def _read(connection: Connection, request: ReadRequest, most: int) -> tuple[bytes, int]:
    """Some bytes of an object, and the size of the whole."""
    body = connection.provider.get_data(connection.ref, request)
    try:
        return b"".join(_iterate(body.reader.read, most)), body.info.size
    finally:
        body.reader.close()


def _iterate(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := read(size)):
        yield block
        size -= len(block)
