"""Snapshots: a project's tasks as they were once, kept to be taken home later.

A snapshot is a file in the persistent storage with a task on each line. Every format
is made from it when it is asked for, so all of them say the same, whatever has become
of the project. How many tasks are in it, and their checksum, stand in the file's key.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session, col, select

from labeldock.contract.errors import InvalidInput, NotFound
from labeldock.contract.values import ReadRequest
from labeldock.db.archives import StoredFile
from labeldock.db.types import load_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.exporting.dump import (
    DumpChunk,
    DumpFormat,
    count_rows,
    count_tasks,
    dump_selection,
    write_array,
    write_table,
)
from labeldock.services.exporting.flat import flatten
from labeldock.services.exporting.payloads import Document, encode_document
from labeldock.services.exporting.selection import PAGE, Selection
from labeldock.services.exporting.shown import show_document
from labeldock.services.persistent.files import (
    NewFile,
    note_saved,
    remove_file,
    reserve_file,
)
from labeldock.services.persistent.store import open_store

_KIND: Final = "export"
_BLOCK: Final = 256 * 1024
_LONGEST_TITLE: Final = 2048


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """A snapshot as it is shown."""

    id: int
    project_id: int
    title: str
    created_by_id: int | None
    created_at: datetime
    task_count: int
    checksum: str
    size: int


def create_snapshot(
    app: AppContext, principal: Principal, selection: Selection, title: str = ""
) -> SnapshotView:
    """Keep the chosen tasks as they are now.

    Raises:
        InvalidInput: the title is too long.
        NotFound, NotAllowed: as they say.
        StorageError: the file cannot be kept.
    """
    if len(title) > _LONGEST_TITLE:
        raise InvalidInput(f"Longer than {_LONGEST_TITLE} characters.", field="title")
    project_id = selection.project_id
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
    with tempfile.TemporaryDirectory(prefix="labeldock-export-") as folder:
        path = Path(folder) / "tasks.jsonl"
        count, checksum = _write(app, principal, selection, path)
        key = f"exports/{project_id}/{uuid.uuid4().hex}/{count}-{checksum}.jsonl"
        return _keep(app, principal, project_id, (key, title), path)


def _write(
    app: AppContext, principal: Principal, selection: Selection, path: Path
) -> tuple[int, str]:
    """How many tasks were written, and their checksum."""
    count, checksum = 0, hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for chunk in dump_selection(app, principal, selection, DumpFormat.JSONL):
            file.write(chunk.content)
            checksum.update(chunk.content)
            count += chunk.tasks
    return count, checksum.hexdigest()


def _keep(
    app: AppContext,
    principal: Principal,
    project_id: int,
    name: tuple[str, str],
    path: Path,
) -> SnapshotView:
    key, title = name
    size = path.stat().st_size
    new = NewFile(key, _KIND, project_id, principal.user_id, name=title, size=size)
    with app.database.write() as session:
        file_id = reserve_file(app, session, new).id
    saved = open_store(app).adopt(key, path, "application/x-ndjson")
    with app.database.write() as session:
        row = session.get_one(StoredFile, file_id)
        note_saved(row, saved, size)
        return _view(row)


def list_snapshots(
    app: AppContext, principal: Principal, project_id: int
) -> list[SnapshotView]:
    """The snapshots of a project, newest first.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        query = select(StoredFile).where(*_conditions(project_id))
        found = session.exec(query.order_by(col(StoredFile.id).desc()))
        return [_view(row) for row in found]


def get_snapshot(
    app: AppContext, principal: Principal, project_id: int, snapshot_id: int
) -> SnapshotView:
    """One of them.

    Raises:
        NotFound, NotAllowed: as they say.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.VIEW)
        return _view(_load(session, project_id, snapshot_id))


def remove_snapshot(
    app: AppContext, principal: Principal, project_id: int, snapshot_id: int
) -> None:
    """Remove one of them, and its file.

    Raises:
        NotFound, NotAllowed: as they say.
        StorageError: the file cannot be removed now.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        _load(session, project_id, snapshot_id)
    remove_file(app, snapshot_id)


def read_snapshot(
    app: AppContext,
    principal: Principal,
    place: tuple[int, int],
    form: DumpFormat,
) -> Iterator[DumpChunk]:
    """The tasks of a snapshot in a format, in pieces.

    Permission is checked when the first piece is asked for.

    Args:
        app: the parts that services work with.
        principal: who asks.
        place: the numbers of the project and of the snapshot.
        form: which format.

    Raises:
        NotFound, NotAllowed: as they say.
        StorageError: the file cannot be read.
    """
    with app.database.read() as session:
        access.require(session, principal, place[0], Permission.VIEW)
        key = _load(session, *place).key
    file = _Lines(app, key)
    match form:
        case DumpFormat.JSON_MIN:
            yield from write_array(file.iterate_rows(), count_rows)
        case DumpFormat.CSV_MIN | DumpFormat.TSV_MIN:
            delimiter = "," if form is DumpFormat.CSV_MIN else "\t"
            yield from write_table(file.iterate_rows, delimiter)
        case DumpFormat.JSONL:
            for page in file.iterate_shown():
                lines = b"".join(encode_document(each) + b"\n" for each in page)
                yield count_tasks(lines, page)
        case _:
            yield from write_array(file.iterate_shown(), count_tasks)


class _Lines:
    """The tasks in the file of a snapshot, read from its beginning each time."""

    def __init__(self, app: AppContext, key: str) -> None:
        self._app, self._key = app, key

    def iterate_shown(self) -> Iterator[list[Document]]:
        for page in self._iterate():
            yield list(map(show_document, page))

    def iterate_rows(self) -> Iterator[list[Document]]:
        for page in self._iterate():
            yield [row for document in page for row in flatten(document)]

    def _iterate(self) -> Iterator[list[Document]]:
        page: list[Document] = []
        for line in self._read_lines():
            page.append(load_json(line))
            if len(page) == PAGE:
                yield page
                page = []
        yield page

    def _read_lines(self) -> Iterator[bytes]:
        left = b""
        body = open_store(self._app).get_data(ReadRequest(self._key))
        with closing(body.reader) as reader:
            while block := reader.read(_BLOCK):
                *lines, left = (left + block).split(b"\n")
                yield from lines
        if left:
            yield left


def _conditions(project_id: int) -> tuple[Any, ...]:  # conditions of a select
    return (
        StoredFile.project_id == project_id,
        StoredFile.kind == _KIND,
        col(StoredFile.is_ready),
    )


def _load(session: Session, project_id: int, snapshot_id: int) -> StoredFile:
    query = select(StoredFile).where(
        StoredFile.id == snapshot_id, *_conditions(project_id)
    )
    row = session.exec(query).first()
    if row is None:
        raise NotFound(f"Export {snapshot_id} does not exist.", field="export")
    return row


def _view(row: StoredFile) -> SnapshotView:
    count, _, checksum = Path(row.key).stem.partition("-")
    return SnapshotView(
        id=row.id,
        project_id=row.project_id or 0,
        title=row.name,
        created_by_id=row.user_id,
        created_at=row.created_at,
        task_count=int(count),
        checksum=checksum,
        size=row.size,
    )
