"""Uploads that become tasks later: kept first, imported when that is said.

What is kept was parsed already, so that a broken file is refused when it is sent. The
files stay after they were imported; imported again, they are tasks again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from sqlmodel import col, select

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import BytesContent, ReadRequest
from labeldock.db.archives import StoredFile
from labeldock.db.types import dump_json, load_json
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.context import AppContext
from labeldock.services.importing.formats.kinds import Kind
from labeldock.services.importing.posting import (
    Posted,
    PostedTasks,
    import_posted,
    read_posted,
)
from labeldock.services.persistent.files import remove_file
from labeldock.services.persistent.store import open_store
from labeldock.services.tasks import UNDEFINED_KEY
from labeldock.services.uploading import KIND, PATH, is_media, save_upload

_NAMES: Final = {
    Kind.JSON: "tasks.json",
    Kind.LINES: "tasks.jsonl",
    Kind.CSV: "tasks.csv",
    Kind.TSV: "tasks.tsv",
}
_FIELD: Final = "file_upload_ids"


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """Files that wait to be imported, and what they would be."""

    ids: list[int]
    task_count: int
    columns: tuple[str, ...]


def keep_for_later(
    app: AppContext,
    principal: Principal,
    project_id: int,
    files: Sequence[Posted],
    bases: Collection[str] = (),
) -> KeptFiles:
    """Keep files without making tasks of them; all of them, or none.

    Raises:
        InvalidInput: a file is broken or too large, or there are none.
        NotFound, NotAllowed: as they say.
        NoSpace, StorageError: they cannot be kept.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
    of_tasks = [file for file in files if not is_media(file)]
    tasks = read_posted(app, of_tasks, bases)
    count = len(tasks) + len(files) - len(of_tasks)
    if not count:
        raise InvalidInput("No tasks were sent.", remedy="Send at least one.")
    ids: list[int] = []
    with ExitStack() as undo:
        for file in files:
            name = file.name or _NAMES.get(file.kind or Kind.JSON, "tasks.json")
            content = BytesContent(file.content)
            saved = save_upload(app, principal, project_id, name, content)
            undo.callback(remove_file, app, saved.id)
            ids.append(saved.id)
        undo.pop_all()
    first = load_json(tasks[0].data) if tasks else None
    columns = tuple(first) if isinstance(first, dict) else ()
    return KeptFiles(ids, count, columns)


def import_kept(
    app: AppContext,
    principal: Principal,
    project_id: int,
    upload_ids: Collection[int],
    bases: Collection[str] = (),
) -> PostedTasks:
    """Make tasks of files that were kept; all of them, or none.

    Raises:
        InvalidInput: there is no such upload of the project, or none was named.
        NotFound, NotAllowed: as they say.
        StorageError: a file cannot be read now.
    """
    with app.database.read() as session:
        access.require(session, principal, project_id, Permission.MANAGE)
        query = select(StoredFile.id, StoredFile.key, StoredFile.name).where(
            StoredFile.kind == KIND,
            StoredFile.project_id == project_id,
            col(StoredFile.is_ready),
            col(StoredFile.id).in_(upload_ids),
        )
        rows = session.exec(query.order_by(col(StoredFile.id))).all()
    missing = set(upload_ids).difference(row[0] for row in rows)
    if missing or not rows:
        which = f"upload {min(missing)}" if missing else "upload named"
        raise InvalidInput(
            f"There is no {which} in this project.",
            field=_FIELD,
            remedy="Name the file_upload_ids that an import answered with.",
        )
    files = [_read(app, project_id, key, name) for _, key, name in rows]
    return import_posted(app, principal, project_id, files, bases=bases)


def _read(app: AppContext, project_id: int, key: str, name: str) -> Posted:
    """What is to be parsed: a file of tasks, or the one task that a picture is."""
    if is_media(Posted(name, b"")):
        rows = [{UNDEFINED_KEY: f"{PATH}{project_id}/{name}"}]
        return Posted("", dump_json(rows).encode(), Kind.JSON)
    with closing(open_store(app).get_data(ReadRequest(key)).reader) as reader:
        blocks = []
        while block := reader.read(1024 * 1024):
            blocks.append(block)
    return Posted(name, b"".join(blocks))
