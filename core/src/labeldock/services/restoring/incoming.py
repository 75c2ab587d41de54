"""Archives that somebody sends: in pieces, so that a broken upload goes on later.

Each piece is a file of the persistent storage, which every process can read, and none
can append to.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlmodel import Session, select

from labeldock.contract.errors import Conflict, InvalidInput, NotFound
from labeldock.contract.values import FileContent, ReadRequest
from labeldock.db.archives import StoredFile
from labeldock.db.columns import utc_now
from labeldock.db.incoming import IncomingArchive
from labeldock.services import access
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.persistent.files import (
    NewFile,
    expire_file,
    remove_file,
    reserve_file,
)
from labeldock.services.persistent.store import open_store
from labeldock.services.restoring.archives import refuse
from labeldock.services.scopes import Scope

_BLOCK: Final = 1024 * 1024
_TIME: Final = timedelta(hours=24)
_TOKEN_BYTES: Final = 16
_ZIP: Final = "application/zip"


@dataclass(frozen=True, slots=True)
class IncomingView:
    """An archive that is being sent, and how much of it is here."""

    token: str
    filename: str
    length: int
    received: int

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here."""
        return self.received == self.length


def begin_upload(
    app: AppContext, principal: Principal, length: int, filename: str = ""
) -> IncomingView:
    """Make room for an archive of so many bytes.

    Raises:
        InvalidInput: it has none, or more than an archive may unpack to.
        NotAllowed: the caller's token is not made for it.
    """
    access.require_scope(principal, Scope.MANAGE)
    if not 0 < length <= app.settings.restore_max_bytes:
        most = app.settings.restore_max_bytes
        raise InvalidInput(
            f"An archive has from 1 to {most} bytes.", field="Upload-Length"
        )
    token = secrets.token_hex(_TOKEN_BYTES)
    with app.database.write() as session:
        name = filename[:200].replace("\0", "")
        new = NewFile(
            f"incoming/{token}/", "incoming", user_id=principal.user_id, name=name
        )
        file = reserve_file(app, session, new)
        file.is_ready, file.expires_at = True, utc_now() + _TIME
        row = IncomingArchive(
            token=token,
            user_id=principal.user_id,
            file_id=file.id,
            filename=name,
            length=length,
        )
        session.add(row)
        session.flush()
        return _view(row)


def get_upload(app: AppContext, principal: Principal, token: str) -> IncomingView:
    """An archive that the caller is sending.

    Raises:
        NotFound: there is none, or somebody else's.
    """
    with app.database.read() as session:
        return _view(load_upload(session, principal, token))


def append_piece(
    app: AppContext, principal: Principal, token: str, offset: int, piece: Path
) -> IncomingView:
    """Add what a file holds, which begins at this byte of the archive.

    Raises:
        NotFound: there is no such upload.
        Conflict: something else is here already, or missing before it.
        InvalidInput: the archive would be longer than was said.
    """
    size = piece.stat().st_size
    with app.database.read() as session:
        row = load_upload(session, principal, token)
        _check_offset(row, offset, size)
    if size:
        content = FileContent(piece)
        open_store(app).save(_piece_key(token, offset), content, _ZIP)
    with app.database.write() as session:
        row = load_upload(session, principal, token, is_locked=True)
        _check_offset(row, offset, size)
        if size:
            row.received += size
            row.pieces = [*row.pieces, size]
            file = session.get_one(StoredFile, row.file_id)
            file.size, file.expires_at = row.received, utc_now() + _TIME
        session.flush()
        return _view(row)


def _check_offset(row: IncomingArchive, offset: int, size: int) -> None:
    if row.received != offset:
        raise Conflict(
            f"{row.received} bytes are here, so the next piece begins there.",
            field="Upload-Offset",
            remedy="Ask with HEAD how much is here, and go on from there.",
        )
    if offset + size > row.length:
        raise InvalidInput(
            f"The archive would be longer than {row.length} bytes.",
            field="Upload-Length",
        )


def drop_upload(app: AppContext, principal: Principal, token: str) -> None:
    """Forget an archive.

    Raises:
        NotFound: there is no such upload.
    """
    with app.database.read() as session:
        file_id = load_upload(session, principal, token).file_id
    remove_file(app, file_id)


def load_upload(
    session: Session, principal: Principal, token: str, *, is_locked: bool = False
) -> IncomingArchive:
    """The row of an archive that the caller is sending.

    Raises:
        NotFound: there is none, or somebody else's.
    """
    query = select(IncomingArchive).where(IncomingArchive.token == token)
    row = session.exec(query.with_for_update() if is_locked else query).first()
    if row is None or row.user_id != principal.user_id:
        raise NotFound("There is no such upload.", field="upload")
    return row


def fetch_upload(app: AppContext, token: str, path: Path) -> None:
    """Put the pieces of a whole archive together in a file.

    Raises:
        InvalidArchive: it is not here any more.
        StorageError: a piece cannot be read.
    """
    with app.database.read() as session:
        query = select(IncomingArchive).where(IncomingArchive.token == token)
        row = session.exec(query).first()
        if row is None:
            raise refuse("archive", "The file that was sent is not here any more.")
        pieces = list(row.pieces)
    store, offset = open_store(app), 0
    with path.open("wb") as target:
        for size in pieces:
            body = store.get_data(ReadRequest(_piece_key(token, offset)))
            try:
                while block := body.reader.read(_BLOCK):
                    target.write(block)
            finally:
                body.reader.close()
            offset += size


def expire_upload(session: Session, token: str) -> None:
    """Have it removed by the next housekeeping."""
    query = select(IncomingArchive).where(IncomingArchive.token == token)
    row = session.exec(query).first()
    if row is not None:
        expire_file(session, row.file_id)


def _piece_key(token: str, offset: int) -> str:
    return f"incoming/{token}/{offset:020d}"


def _view(row: IncomingArchive) -> IncomingView:
    return IncomingView(row.token, row.filename, row.length, row.received)
