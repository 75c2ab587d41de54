"""Files that people upload: kept in the persistent storage, served as media are."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, LabeldockError, NotFound
from labeldock.contract.values import BytesContent, ContentSource
from labeldock.db.archives import StoredFile
from labeldock.db.types import dump_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.importing.formats.kinds import Kind, is_task_file
from labeldock.services.importing.posting import Posted
from labeldock.services.persistent.files import (
    NewFile,
    note_saved,
    remove_file,
    reserve_file,
)
from labeldock.services.persistent.store import open_store
from labeldock.services.resolving.content import OCTETS, guess_type
from labeldock.services.resolving.media import Stream
from labeldock.services.tasks import UNDEFINED_KEY

PATH: Final = "/data/upload/"
KIND: Final = "upload"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class SavedUpload:
    """A file that is kept, and the path that tasks refer to it by."""

    id: int
    path: str


def save_upload(
    app: AppContext,
    principal: Principal,
    project_id: int,
    name: str,
    content: ContentSource,
) -> SavedUpload:
    """Keep a file for a project.

    Raises:
        NotFound, NotAllowed: as they say.
        InvalidInput: it is too large.
        NoSpace, StorageError: it cannot be kept; nothing of it is.
    """
    most, size = app.settings.upload_max_bytes, content.size
    if size > most:
        raise InvalidInput(
            f"{name[:_LONGEST]} has {size:,} bytes; {most:,} are allowed.",
            field="file",
            remedy="Put it into a bucket, or raise LABELDOCK_UPLOAD_MAX_BYTES.",
        )
    chosen = _choose_name(name)
    kind = guess_type(chosen) or OCTETS
    new = NewFile(
        key=f"uploads/{project_id}/{chosen}",
        kind=KIND,
        project_id=project_id,
        user_id=principal.user_id,
        name=chosen,
        content_type=kind,
        size=size,
    )
    with app.database.write() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        file_id = reserve_file(app, session, new).id
    try:
        saved = open_store(app).save(new.key, content, kind)
    except LabeldockError:
        remove_file(app, file_id)
        raise
    with app.database.write() as session:
        row = session.get_one(StoredFile, file_id)
        note_saved(row, saved, size)
    return SavedUpload(file_id, f"{PATH}{project_id}/{chosen}")


def _choose_name(name: str) -> str:
    """A name of its own, which still tells people what the file is."""
    folded = unicodedata.normalize("NFKD", name.replace("\\", "/").rpartition("/")[2])
    plain = _UNSAFE.sub("_", folded.encode("ascii", "ignore").decode()).strip("._")
    stem, dot, extension = plain.rpartition(".")
    if len(plain) > _LONGEST and dot:
        plain = f"{stem[: _LONGEST - len(extension) - 1]}.{extension}"
    return f"{secrets.token_hex(4)}-{plain[-_LONGEST:] or 'file'}"


def open_upload(
    app: AppContext, principal: Principal, project_id: int, name: str
) -> Stream:
    """A file of a project, to be served.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        standing = access.require(session, principal, project_id, Permission.VIEW)
        row = _find(session, project_id, name)
        if row is None:
            raise NotFound("There is no such file.", field="file")
        key, kind = row.key, row.content_type
    return Stream(
        connection=open_store(app),
        storage_id=None,
        key=key,
        viewer=f"{principal.user_id}:{standing.role or 'admin'}",
        user_id=principal.user_id,
        content_type=kind,
    )


def _find(session: Session, project_id: int, name: str) -> StoredFile | None:
    query = select(StoredFile).where(
        StoredFile.key == f"uploads/{project_id}/{name}",
        StoredFile.project_id == project_id,
        StoredFile.kind == KIND,
        col(StoredFile.is_ready),
    )
    return session.exec(query).first()


@dataclass(frozen=True, slots=True)
class KeptUploads:
    """Files that are kept while tasks are made of them."""

    ids: list[int]
    tasks: Posted


def is_media(file: Posted) -> bool:
    """Whether a file is one to make a task of, rather than one of tasks."""
    return bool(
        file.kind is None
        and file.name
        and not is_task_file(file.name)
        and guess_type(file.name)
    )


@contextmanager
def keep_uploads(
    app: AppContext, principal: Principal, project_id: int, files: Sequence[Posted]
) -> Iterator[KeptUploads]:
    """Keep files, each to be a task; none of them is kept if the block fails.

    Raises:
        NotFound, NotAllowed, InvalidInput, NoSpace, StorageError: see `save_upload`.
    """
    saved: list[SavedUpload] = []
    try:
        for file in files:
            content = BytesContent(file.content)
            saved.append(save_upload(app, principal, project_id, file.name, content))
        rows = [{UNDEFINED_KEY: each.path} for each in saved]
        tasks = Posted("", dump_json(rows).encode(), Kind.JSON)
        yield KeptUploads([each.id for each in saved], tasks)
    except BaseException:
        for each in saved:
            remove_file(app, each.id)
        raise
