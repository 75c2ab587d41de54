"""What goes into an archive, entry by entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import Connection
from sqlmodel import Session, col, select

from labeldock.contract.errors import StorageError
from labeldock.contract.values import ReadRequest
from labeldock.db.archives import StoredFile
from labeldock.db.tables import Project
from labeldock.services.backups import format as archive
from labeldock.services.backups.format import Counts, Kind, Manifest, Record
from labeldock.services.backups.jobs import BackupJob
from labeldock.services.backups.links import iterate_references, load_origins
from labeldock.services.backups.objects import (
    Fetched,
    Wanted,
    WantedList,
    fetch_objects,
)
from labeldock.services.backups.places import Places, load_places
from labeldock.services.backups.progress import Progress
from labeldock.services.backups.rows import (
    iterate_annotations,
    iterate_predictions,
    iterate_tasks,
)
from labeldock.services.backups.scope import iterate_pages, open_snapshot
from labeldock.services.backups.sources import ObjectFinder
from labeldock.services.backups.uploads import find_upload_names, render_upload_path
from labeldock.services.backups.workplaces import require_space
from labeldock.services.backups.zips import (
    ArchiveWriter,
    Written,
    gather_lines,
    join_lines,
)
from labeldock.services.context import AppContext
from labeldock.services.persistent.store import open_store
from labeldock.services.resolving.content import choose_type
from labeldock.services.resolving.storages import Origin

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_BLOCK: Final = 1024 * 1024
NoteProblem = Callable[[str, StorageError], None]


@dataclass(slots=True)
class Made:
    """What an archive came to: its kind, and how many objects are missing from it."""

    kind: Kind
    missing: int = 0
    media: int = 0
    media_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file to copy."""

    name: str
    key: str
    content_type: str


class Writer:
    """Writes one archive. The database is read in one snapshot, media after it."""

    def __init__(
        self,
        app: AppContext,
        job: BackupJob,
        progress: Progress,
        note_problem: NoteProblem,
    ) -> None:
        """Prepare; `note_problem` is told which objects cannot be read, and why."""
        self._app, self._job, self._progress = app, job, progress
        self._note_problem = note_problem
        self._uploads: list[Upload] = []
        self._names: set[str] = set()

    def write(self, folder: Path, path: Path) -> Made:
        """Write the archive to a file, with a list of its objects beside it.

        Raises:
            NotConnected: objects of a full backup lie in a storage that is gone.
            NoSpace: the disk is full.
            StorageError, PluginError: a storage does not answer.
            LeaseLost, Stopped: see `Progress`.
        """
        wanted = WantedList(folder / "wanted.sqlite3")
        try:
            with path.open("xb") as stream:
                zip_ = ArchiveWriter(stream)
                try:
                    made = self._fill(zip_, wanted, folder)
                    zip_.close()
                finally:
                    zip_.abandon()
        finally:
            wanted.close()
        return made

    def _fill(self, zip_: ArchiveWriter, wanted: WantedList, folder: Path) -> Made:
        with open_snapshot(self._app) as connection:
            with Session(connection) as session:
                places = load_places(self._app, session, self._job.chosen.project_id)
                project = session.get_one(Project, self._job.chosen.project_id)
                has_cloud = self._job.lightweight and places.has_references
                made = Made("lightweight" if has_cloud else "full")
                config = project.label_config
                self._write_head(zip_, project, places, made.kind)
            shown = places.find_objects([config], Origin(None, None))
            wanted.add(places.choose(shown, made.kind))
            self._write_rows(zip_, connection, places, wanted, made)
            self._uploads = self._list_uploads(connection)
        finder = ObjectFinder(self._app)
        self._progress.expect(wanted.count() + len(self._uploads))
        # Lines about entries are set aside, since an archive is written one by one.
        media = self._write_media(zip_, wanted, finder, folder, made)
        zip_.write_document(archive.MEDIA, _set_aside(folder / archive.MEDIA, media))
        uploads = self._write_uploads(zip_, folder)
        path = folder / archive.UPLOADS
        zip_.write_document(archive.UPLOADS, _set_aside(path, uploads))
        zip_.write_blocks(
            archive.MANIFEST,
            [_render(self._build_manifest(zip_, made))],
            is_stored=False,
        )
        return made

    # What the database knows

    def _write_head(
        self, zip_: ArchiveWriter, project: Project, places: Places, kind: Kind
    ) -> None:
        record = archive.ProjectRecord(
            title=project.title,
            description=project.description,
            label_config=project.label_config,
            maximum_annotations=project.maximum_annotations,
            interface=project.interface,
            upload_path=render_upload_path(project.id),
        )
        zip_.write_document(archive.PROJECT, [_render(record)])
        records = self._progress.count("storages", places.mark(kind))
        zip_.write_document(archive.STORAGES, join_lines(map(_render, records)))

    def _write_rows(
        self,
        zip_: ArchiveWriter,
        connection: Connection,
        places: Places,
        wanted: WantedList,
        made: Made,
    ) -> None:
        chosen = self._job.chosen
        entries = {
            archive.TASKS: self._iterate_tasks(connection, places, wanted, made),
            archive.ANNOTATIONS: iterate_annotations(connection, chosen),
            archive.PREDICTIONS: iterate_predictions(connection, chosen),
            archive.REFERENCES: iterate_references(connection, places, chosen),
        }
        for name, lines in entries.items():
            blocks = gather_lines(lines)
            counted = self._progress.count_lines(name.partition(".")[0], blocks)
            zip_.write_document(name, counted)

    def _iterate_tasks(
        self,
        connection: Connection,
        places: Places,
        wanted: WantedList,
        made: Made,
    ) -> Iterator[str]:
        """The lines of tasks; the objects that they need are noted on the way."""
        is_part = self._job.chosen.scope != "project"
        collects = made.kind == "full" or places.has_kept
        path = render_upload_path(self._job.chosen.project_id)
        for page in iterate_pages(connection, self._job.chosen):
            origins = load_origins(connection, page) if collects else {}
            for task_id, data, line in iterate_tasks(connection, page):
                if collects:
                    origin = origins.get(task_id, Origin(None, None))
                    found = places.find_objects(data, origin)
                    wanted.add(places.choose(found, made.kind))
                if is_part:
                    self._names |= find_upload_names(data, path)
                yield line

    def _list_uploads(self, connection: Connection) -> list[Upload]:
        query = select(StoredFile.name, StoredFile.key, StoredFile.content_type).where(
            StoredFile.project_id == self._job.chosen.project_id,
            StoredFile.kind == "upload",
            col(StoredFile.is_ready),
        )
        found = [Upload(*row) for row in connection.execute(query)]
        if self._job.chosen.scope != "project":
            found = [each for each in found if each.name in self._names]
        return sorted(found, key=lambda each: each.name)

    # What storages have

    def _write_media(
        self,
        zip_: ArchiveWriter,
        wanted: Iterable[Wanted],
        finder: ObjectFinder,
        folder: Path,
        made: Made,
    ) -> Iterator[bytes]:
        """The lines of media, written while their objects are."""
        first: StorageError | None = None
        fetched = fetch_objects(self._app.settings, wanted, finder.find)
        for each in self._progress.count("media", fetched):
            if each.problem is not None:
                first = first or each.problem
                made.missing += 1
                self._note_problem(each.wanted.key, each.problem)
                yield _render(_describe_missing(each))
                continue
            yield _render(self._copy(zip_, each, folder, made))
        if first is not None and not made.media:
            raise first

    def _copy(
        self, zip_: ArchiveWriter, fetched: Fetched, folder: Path, made: Made
    ) -> Record:
        assert fetched.info is not None
        info = fetched.info
        require_space(folder, info.size)
        made.media += 1
        name = _name_entry("media", made.media, fetched.wanted.key)
        blocks = self._progress.watch(fetched.blocks)
        written = zip_.write_blocks(name, blocks, is_stored=True, sha256=fetched.sha256)
        made.media_bytes += written.size
        return archive.MediaRecord(
            slot=fetched.wanted.slot,
            key=fetched.wanted.key,
            entry=name,
            etag=info.etag,
            size=written.size,
            sha256=written.sha256,
            content_type=choose_type(fetched.wanted.key, info.content_type),
            problem=None,
        )

    def _write_uploads(self, zip_: ArchiveWriter, folder: Path) -> Iterator[bytes]:
        store = open_store(self._app)
        uploads = self._progress.count("uploads", self._uploads)
        for number, upload in enumerate(uploads, 1):
            body = store.get_data(ReadRequest(upload.key))
            try:
                require_space(folder, body.info.size)
                name = _name_entry("uploads", number, upload.name)
                blocks = iter(lambda: body.reader.read(_BLOCK), b"")  # noqa: B023  taken here
                written = zip_.write_blocks(
                    name, self._progress.watch(blocks), is_stored=True
                )
            finally:
                body.reader.close()
            yield _render(_describe_upload(upload, name, written))

    def _build_manifest(self, zip_: ArchiveWriter, made: Made) -> Manifest:
        counts = self._progress.counts
        return Manifest(
            format="labeldock-backup",
            version=archive.VERSION,
            kind=made.kind,
            scope=self._job.chosen.scope,
            counts=Counts(
                storages=counts["storages"],
                tasks=counts["tasks"],
                annotations=counts["annotations"],
                predictions=counts["predictions"],
                references=counts["references"],
                media=made.media,
                media_bytes=made.media_bytes,
                missing=made.missing,
                uploads=counts["uploads"],
            ),
            entries=tuple(zip_.entries),
        )


def _describe_missing(fetched: Fetched) -> Record:
    problem = fetched.problem
    assert problem is not None
    told = archive.MissingProblem(code=problem.code, message=problem.message)
    return archive.MediaRecord(
        slot=fetched.wanted.slot,
        key=fetched.wanted.key,
        entry=None,
        etag="",
        size=0,
        sha256=None,
        content_type=None,
        problem=told,
    )


def _describe_upload(upload: Upload, name: str, written: Written) -> Record:
    return archive.UploadRecord(
        name=upload.name,
        entry=name,
        size=written.size,
        sha256=written.sha256,
        content_type=upload.content_type,
    )


def _set_aside(path: Path, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that are all made before the first is taken."""
    with path.open("wb") as file:
        for block in join_lines(lines):
            file.write(block)
    return _read_file(path)


def _read_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def _name_entry(folder: str, number: int, key: str) -> str:
    extension = _EXTENSION.search(key)
    return f"{folder}/{number:09}{extension[0].lower() if extension else ''}"


def _render(record: Record) -> bytes:
    return orjson.dumps(record.model_dump(mode="json"))
