"""From a CVAT backup to an archive of ours, which is restored like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from labeldock.services.backups import format as ours
from labeldock.services.backups.format import Counts, Manifest, Record
from labeldock.services.backups.workplaces import require_space
from labeldock.services.backups.zips import ArchiveWriter, join_lines
from labeldock.services.cvat.documents import (
    JobAnnotations,
    Label,
    ProjectDocument,
    TaskDocument,
    ensure_version,
    parse,
)
from labeldock.services.cvat.frames import Film, Frame, list_frames
from labeldock.services.cvat.label_config import build_label_config
from labeldock.services.cvat.reading import CvatArchive, open_cvat_archive
from labeldock.services.cvat.shapes import TAG, Losses, Regions
from labeldock.services.cvat.tracks import iterate_track
from labeldock.services.resolving.content import guess_type
from labeldock.settings import Settings

_UPLOADS: Final = "/data/upload/0/"
_TRUTH: Final = "ground_truth"
Beat = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that has no counterpart, and how often."""

    entry: str
    message: str


@dataclass(frozen=True, slots=True)
class CvatTask:
    """A task of CVAT, which becomes as many tasks as it has frames."""

    folder: str
    slot: str
    document: TaskDocument
    film: Film
    jobs: tuple[JobAnnotations, ...]

    @property
    def base_uri(self) -> str:
        """What the URIs of its pictures begin with."""
        return f"cvat://{self.slot}/"

    @property
    def is_included(self) -> bool:
        """Whether its pictures are in the archive."""
        return self.document.data.storage == "local"

    @property
    def frames(self) -> list[Frame]:
        """Those that were not deleted."""
        deleted = set(self.document.data.deleted_frames)
        return [each for each in self.film.frames if each.number not in deleted]


def convert_if_cvat(
    path: Path, target: Path, settings: Settings, beat: Beat
) -> list[Loss] | None:
    """Write our archive to `target` if a CVAT backup is in `path`; None if it is not.

    Returns:
        what has no counterpart here.

    Raises:
        InvalidArchive: it is one, and cannot be restored; the message names the entry.
        NoSpace: the disk is full.
    """
    with open_cvat_archive(path, settings) as archive:
        if archive is None:
            return None
        require_space(target.parent, path.stat().st_size)
        conversion = _Conversion(archive, beat)
        with target.open("wb") as stream:
            zip_ = ArchiveWriter(stream)
            try:
                conversion.write(zip_)
                zip_.close()
            finally:
                zip_.abandon()
        return conversion.list_losses()


@dataclass(slots=True)
class _Conversion:
    archive: CvatArchive
    beat: Beat
    losses: Losses = field(default_factory=Losses)
    now: str = field(
        default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )

    def write(self, zip_: ArchiveWriter) -> None:
        title, labels, tasks = self._read()
        rows = [row for task in tasks for row in self._build_rows(task, labels)]
        config = build_label_config(labels, self._list_drawn(tasks))
        project = ours.ProjectRecord(
            title=title[:50] or "From CVAT",
            description="",
            label_config=config,
            maximum_annotations=1,
            interface=None,
            upload_path=_UPLOADS,
        )
        documents: dict[str, Iterable[Record]] = {
            ours.PROJECT: [project],
            ours.STORAGES: map(_describe_slot, tasks),
            ours.TASKS: (self._build_task(n, row) for n, row in enumerate(rows, 1)),
            ours.ANNOTATIONS: self._iterate_annotations(rows),
            ours.PREDICTIONS: [],
            ours.REFERENCES: self._iterate_references(rows),
        }
        counts: dict[str, int] = {}
        for name, records in documents.items():
            self._write_lines(zip_, name, records, counts)
        media = list(self._copy_media(zip_, tasks))
        self._write_lines(zip_, ours.MEDIA, media, counts)
        self._write_lines(zip_, ours.UPLOADS, [], counts)
        self._write_manifest(zip_, counts, media)

    def list_losses(self) -> list[Loss]:
        return [
            Loss(entry, f"{count} {what} have no counterpart.")
            for (entry, what), count in sorted(self.losses.counts.items())
        ]

    # Reading

    def _read(self) -> tuple[str, Sequence[Label], list[CvatTask]]:
        tasks = [
            self._read_task(number, folder)
            for number, folder in enumerate(self.archive.folders)
        ]
        if not self.archive.is_project:
            document = tasks[0].document
            return document.name, document.labels, tasks
        name = "project.json"
        project = parse(ProjectDocument, name, self.archive.read(name))
        ensure_version(name, project.version)
        return project.name, project.labels, tasks

    def _read_task(self, number: int, folder: str) -> CvatTask:
        name = f"{folder}task.json"
        document = parse(TaskDocument, name, self.archive.read(name))
        ensure_version(name, document.version)
        film = list_frames(self.archive, folder, document.data)
        entry = f"{folder}annotations.json"
        raw = self.archive.read(entry) if self.archive.has(entry) else b"[]"
        jobs = parse(tuple[JobAnnotations, ...], entry, raw)
        task = CvatTask(folder, f"task-{number}", document, film, jobs)
        self._note_losses(task)
        self.beat()
        return task

    def _note_losses(self, task: CvatTask) -> None:
        name = f"{task.folder}task.json"
        if task.film.video or not task.film.frames:
            self.losses.note(name, "videos or tasks without pictures")
        deleted = len(task.film.frames) - len(task.frames)
        self.losses.note(name, "deleted frames", deleted)
        self.losses.note(name, "related images", task.film.related)
        skeletons = sum(label.type == "skeleton" for label in task.document.labels)
        self.losses.note(name, "skeleton labels", skeletons)
        guide = f"{task.folder}annotation_guide.md"
        self.losses.note(guide, "annotation guides", self.archive.has(guide))

    # What was said

    def _build_rows(self, task: CvatTask, labels: Sequence[Label]) -> list[_Row]:
        known = {label.name: label for label in labels}
        said: dict[int, list[tuple[bool, list[dict[str, Any]]]]] = {}
        for number, job in enumerate(task.jobs):
            is_truth = _find_type(task, number) == _TRUTH
            for frame, result in self._read_job(task, job, known).items():
                said.setdefault(frame, []).append((is_truth, result))
        return [_Row(task, frame, said.get(frame.number, [])) for frame in task.frames]

    def _read_job(
        self, task: CvatTask, job: JobAnnotations, known: dict[str, Label]
    ) -> dict[int, list[dict[str, Any]]]:
        """The regions of a job, by frame."""
        entry = f"{task.folder}annotations.json"
        frames = {frame.number: frame for frame in task.frames}
        regions: dict[int, Regions] = {}

        def find(number: int) -> Regions | None:
            if number not in frames:
                self.losses.note(entry, "shapes or tags on frames that are not there")
                return None
            if number not in regions:
                made = Regions(frames[number], known, entry, self.losses)
                regions[number] = made
            return regions[number]

        for tag in job.tags:
            if place := find(tag.frame):
                place.add_tag(tag)
        tracked = (
            shape
            for track in job.tracks
            for shape in iterate_track(track, len(task.film.frames))
            if shape.frame in frames
        )
        for shape in (*job.shapes, *tracked):
            if place := find(shape.frame):
                place.add_shape(shape)
        self.beat()
        return {number: made.result for number, made in regions.items() if made.result}

    def _list_drawn(self, tasks: Iterable[CvatTask]) -> frozenset[str]:
        jobs = [job for task in tasks for job in task.jobs]
        drawn = {shape.type for job in jobs for shape in job.shapes}
        drawn |= {s.type for job in jobs for t in job.tracks for s in t.shapes}
        return frozenset(drawn | ({TAG} if any(job.tags for job in jobs) else set()))

    # Writing

    def _build_task(self, number: int, row: _Row) -> Record:
        given = len(row.said)
        data: dict[str, Any] = {"image": row.task.base_uri + row.frame.key}
        data |= {"task": row.task.document.name, "frame": row.frame.number}
        if row.task.document.subset:
            data["subset"] = row.task.document.subset
        return ours.TaskRecord(
            task=number,
            inner_id=number,
            data=data,
            meta=None,
            overlap=1,
            allow_skip=True,
            is_labeled=given > 0,
            total_annotations=given,
            cancelled_annotations=0,
            total_predictions=0,
            created_at=self.now,
            updated_at=self.now,
        )

    def _iterate_annotations(self, rows: Iterable[_Row]) -> Iterator[Record]:
        for number, row in enumerate(rows, 1):
            for is_truth, result in row.said:
                yield ours.AnnotationRecord(
                    task=number,
                    result=result,
                    was_cancelled=False,
                    ground_truth=is_truth,
                    lead_time=None,
                    completed_by=None,
                    created_at=self.now,
                    updated_at=self.now,
                )

    def _iterate_references(self, rows: Iterable[_Row]) -> Iterator[Record]:
        for number, row in enumerate(rows, 1):
            entry = row.frame.entry
            yield ours.ReferenceRecord(
                task=number,
                slot=row.task.slot,
                key=row.frame.key,
                row_group=-1,
                row_index=-1,
                state="linked",
                etag="",
                size=self.archive.size_of(entry) if entry else 0,
                last_modified=None,
            )

    def _copy_media(
        self, zip_: ArchiveWriter, tasks: Iterable[CvatTask]
    ) -> Iterator[Record]:
        number = 0
        for task in tasks:
            for frame in sorted(task.frames, key=lambda each: each.key):
                if frame.entry is None:
                    continue
                number += 1
                yield self._copy(zip_, task, frame, number)
                self.beat()

    def _copy(
        self, zip_: ArchiveWriter, task: CvatTask, frame: Frame, number: int
    ) -> Record:
        assert frame.entry is not None
        name = f"media/{number:09}"
        blocks = self.archive.iterate_blocks(frame.entry)
        written = zip_.write_blocks(name, blocks, is_stored=True)
        return ours.MediaRecord(
            slot=task.slot,
            key=frame.key,
            entry=name,
            etag="",
            size=written.size,
            sha256=written.sha256,
            content_type=guess_type(frame.key),
            problem=None,
        )

    def _write_lines(
        self,
        zip_: ArchiveWriter,
        name: str,
        records: Iterable[Record],
        counts: dict[str, int],
    ) -> None:
        counts[name] = 0

        def render() -> Iterator[bytes]:
            for record in records:
                counts[name] += 1
                if counts[name] % 1000 == 0:
                    self.beat()
                yield orjson.dumps(record.model_dump(mode="json"))

        is_document = name == ours.PROJECT
        zip_.write_document(name, render() if is_document else join_lines(render()))

    def _write_manifest(
        self, zip_: ArchiveWriter, counts: dict[str, int], media: Sequence[Any]
    ) -> None:
        manifest = Manifest(
            format="labeldock-backup",
            version=ours.VERSION,
            kind="full" if media else "lightweight",
            scope="project" if self.archive.is_project else "task",
            counts=Counts(
                storages=counts[ours.STORAGES],
                tasks=counts[ours.TASKS],
                annotations=counts[ours.ANNOTATIONS],
                predictions=0,
                references=counts[ours.REFERENCES],
                media=len(media),
                media_bytes=sum(each.size for each in media),
                missing=0,
                uploads=0,
            ),
            entries=tuple(zip_.entries),
        )
        raw = orjson.dumps(manifest.model_dump(mode="json"))
        zip_.write_blocks(ours.MANIFEST, [raw], is_stored=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """A frame as a task, and what was said about it: (is ground truth, result)."""

    task: CvatTask
    frame: Frame
    said: list[tuple[bool, list[dict[str, Any]]]]


def _find_type(task: CvatTask, number: int) -> str:
    jobs = task.document.jobs
    return jobs[number].type if number < len(jobs) else "annotation"


def _describe_slot(task: CvatTask) -> Record:
    return ours.StorageRecord(
        name=task.slot,
        purpose="import",
        provider="cvat",
        title=task.document.name[:200],
        base_uri=task.base_uri,
        prefix="",
        options={},
        settings_version=1,
        secrets=(),
        settings={},
        media="included" if task.is_included else "references",
    )
