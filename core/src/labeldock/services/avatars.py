"""Pictures of users: kept in the persistent storage, shown to whom they meet."""

from __future__ import annotations

import secrets
from typing import Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, LabeldockError, NotFound
from labeldock.contract.values import BytesContent
from labeldock.db.archives import StoredFile
from labeldock.db.tables import User
from labeldock.services import people
from labeldock.services.access import Principal
from labeldock.services.context import AppContext
from labeldock.services.people import Person
from labeldock.services.persistent.files import (
    NewFile,
    expire_file,
    note_saved,
    remove_file,
    reserve_file,
)
from labeldock.services.persistent.store import open_store
from labeldock.services.resolving.media import Stream

AVATARS: Final = "/data/avatars/"
MOST_BYTES: Final = 1024 * 1024
_KIND: Final = "avatar"
_FORMS: Final = {
    b"\x89PNG\r\n\x1a\n": ("png", "image/png"),
    b"\xff\xd8\xff": ("jpg", "image/jpeg"),
    b"RIFF": ("webp", "image/webp"),
}
"""By their first bytes: what such files are called, and their type."""


def save_avatar(app: AppContext, principal: Principal, picture: bytes) -> Person:
    """Give oneself a picture, in place of the one before.

    Raises:
        InvalidInput: it is no PNG, JPEG or WebP, or too large.
        NoSpace, StorageError: it cannot be kept.
    """
    form = next(
        (form for start, form in _FORMS.items() if picture[:8].startswith(start)), None
    )
    if form is None or len(picture) > MOST_BYTES:
        raise InvalidInput(
            "This cannot be a picture of a user.",
            field="avatar",
            remedy="Send a PNG, JPEG or WebP of at most 1 MiB.",
        )
    extension, kind = form
    name = f"{secrets.token_hex(8)}.{extension}"
    new = NewFile(
        key=f"avatars/{principal.user_id}/{name}",
        kind=_KIND,
        user_id=principal.user_id,
        name=name,
        content_type=kind,
    )
    with app.database.write() as session:
        file_id = reserve_file(app, session, new).id
    try:
        saved = open_store(app).save(new.key, BytesContent(picture), kind)
    except LabeldockError:
        remove_file(app, file_id)
        raise
    with app.database.write() as session:
        _expire_all(session, principal.user_id)
        note_saved(session.get_one(StoredFile, file_id), saved, len(picture))
        user = session.get_one(User, principal.user_id)
        user.avatar = f"{AVATARS}{principal.user_id}/{name}"
    return people.get_self(app, principal)


def remove_avatar(app: AppContext, principal: Principal) -> None:
    """Have no picture any more."""
    with app.database.write() as session:
        _expire_all(session, principal.user_id)
        session.get_one(User, principal.user_id).avatar = ""


def _expire_all(session: Session, user_id: int) -> None:
    query = select(StoredFile.id).where(
        StoredFile.user_id == user_id,
        StoredFile.kind == _KIND,
        col(StoredFile.is_ready),
    )
    for file_id in session.exec(query).all():
        expire_file(session, file_id)


def open_avatar(
    app: AppContext, principal: Principal, user_id: int, name: str
) -> Stream:
    """The picture of a user, to be served.

    Raises:
        NotFound: there is no such picture, or it is of nobody that they may know of.
    """
    people.get_person(app, principal, user_id)
    query = select(StoredFile).where(
        StoredFile.key == f"avatars/{user_id}/{name}",
        StoredFile.kind == _KIND,
        col(StoredFile.is_ready),
    )
    with app.database.read() as session:
        row = session.exec(query).first()
    if row is None:
        raise NotFound("There is no such picture.", field="avatar")
    return Stream(
        connection=open_store(app),
        storage_id=None,
        key=row.key,
        viewer=f"avatar:{principal.user_id}",
        user_id=principal.user_id,
        content_type=row.content_type,
    )
