"""All that can be wrong with an archive, looked for before anything is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from labeldock.contract.errors import InvalidInput
from labeldock.services.backups.format import (
    ANNOTATIONS,
    ENTRIES,
    FORMAT,
    MANIFEST,
    MEDIA,
    PREDICTIONS,
    PROJECT,
    STORAGES,
    TASKS,
    UPLOADS,
    VERSION,
    Manifest,
    ProjectRecord,
    StorageRecord,
)
from labeldock.services.backups.uploads import is_upload_name
from labeldock.services.label_configs import check_label_config
from labeldock.services.restoring.archives import Archive, InvalidArchive, Read, refuse
from labeldock.services.restoring.lines import PAGE, Page, open_pages
from labeldock.services.restoring.records import LineCheck, validate

_NULL: Final = b"\\u0000"
_SMALL: Final = 16 * 1024 * 1024
_MOST_STORAGES: Final = 10_000
_UPLOAD_PATH: Final = re.compile(r"/data/upload/[0-9]{1,19}/")

Beat = Callable[[], None]
"""Called now and then while a check goes on."""


@dataclass(slots=True)
class Checked:
    """What an archive is, once all of it was looked at."""

    manifest: Manifest
    project: ProjectRecord
    storages: tuple[StorageRecord, ...]
    media_bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def check_archive(archive: Archive, beat: Beat) -> Checked:
    """Read all of an archive and compare it with what it says of itself.

    Raises:
        InvalidArchive: something is wrong; the message names the entry.
    """
    manifest = _read_manifest(archive)
    project = _read_project(archive)
    check = _Check(archive, manifest, beat)
    check.note(PROJECT, _measure(archive, PROJECT))
    storages = check.check_storages()
    checked = Checked(manifest, project, storages)
    check.check_tasks()
    checked.media_bytes = check.check_files()
    check.compare_all()
    checked.counts = check.counts
    return checked


# The small ones


def _read_manifest(archive: Archive) -> Manifest:
    text = archive.read(MANIFEST, _SMALL)
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise refuse(MANIFEST, "It is not JSON.") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise refuse(MANIFEST, "It is not that of a backup of Labeldock.")
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InvalidArchive(
            f"{MANIFEST}: The archive is of version {version} of the format, this "
            f"release reads up to {VERSION}.",
            field="archive",
            remedy="Update Labeldock, then restore it.",
        )
    manifest: Manifest = validate(MANIFEST, None, text)
    names = sorted(entry.name for entry in manifest.entries)
    if names != sorted(ENTRIES):
        raise refuse(MANIFEST, "It does not list each entry of the format once.")
    for entry in manifest.entries:
        if archive.size_of(entry.name) != entry.size:
            raise refuse(entry.name, "It has not as many bytes as the manifest says.")
    return manifest


def _read_project(archive: Archive) -> ProjectRecord:
    text = archive.read(PROJECT, _SMALL)
    project: ProjectRecord = validate(PROJECT, None, text)
    if not 3 <= len(project.title.strip()) <= 50:
        raise refuse(PROJECT, "The title needs 3 to 50 characters.")
    if not _UPLOAD_PATH.fullmatch(project.upload_path):
        raise refuse(PROJECT, "upload_path is not that of uploaded files.")
    if any("\0" in t for t in (project.title, project.description)):
        raise refuse(PROJECT, "A text holds U+0000.")
    try:
        check_label_config(project.label_config)
    except InvalidInput as error:
        raise refuse(PROJECT, f"label_config: {error.message}") from None
    return project


def _measure(archive: Archive, name: str) -> Read:
    with archive.open(name) as entry:
        for _ in entry.iterate_blocks():
            pass
        return entry.done


# The long ones


class _Check:
    """One look at an archive: what was counted, what entries came to."""

    def __init__(self, archive: Archive, manifest: Manifest, beat: Beat) -> None:
        self._archive, self._manifest, self._beat = archive, manifest, beat
        self.counts: Counter[str] = Counter()
        self._read: dict[str, Read] = {}
        self._slots: frozenset[str] = frozenset()
        self._included: frozenset[str] = frozenset()

    def note(self, name: str, read: Read) -> None:
        """An entry was read to its end."""
        self._read[name] = read

    def check_storages(self) -> tuple[StorageRecord, ...]:
        storages: list[StorageRecord] = []
        with self._archive.open(STORAGES) as entry:
            for number, line in enumerate(entry.iterate_lines(_SMALL), 1):
                if _NULL in line:
                    raise refuse(STORAGES, f"Line {number} holds U+0000.")
                storages.append(validate(STORAGES, number, line))
                if number > _MOST_STORAGES:
                    raise refuse(STORAGES, f"It has more than {_MOST_STORAGES} lines.")
            self.note(STORAGES, entry.done)
        names = [storage.name for storage in storages]
        if len(set(names)) != len(names):
            raise refuse(STORAGES, "Two storages have the same name.")
        slots = [each for each in storages if each.purpose == "import"]
        self._slots = frozenset(each.name for each in slots)
        self._included = frozenset(s.name for s in slots if s.media == "included")
        self.counts["storages"] = len(storages)
        return tuple(storages)

    def check_tasks(self) -> None:
        """Tasks, and all that is about them."""
        lines = LineCheck(self._slots)
        with open_pages(self._archive, lines.parsers) as pages:
            position = 1
            for page in pages.iterate():
                _check_page(position, page)
                position += len(page.tasks)
                self._beat()
            for number, _ in enumerate(pages.iterate_left()):
                if number % PAGE == 0:
                    self._beat()
            for name, count in pages.numbers.items():
                self.counts[name.removesuffix(".jsonl")] = count
                self.note(name, pages.readers[name].done)

    def check_files(self) -> int:
        """The copies and the uploads; how many bytes they have."""
        listed: set[str] = set()
        with self._archive.open(MEDIA) as entry:
            for number, line in enumerate(entry.iterate_lines(_SMALL), 1):
                self._check_media(number, line, listed)
            self.note(MEDIA, entry.done)
        names: set[str] = set()
        with self._archive.open(UPLOADS) as entry:
            for number, line in enumerate(entry.iterate_lines(_SMALL), 1):
                upload = validate(UPLOADS, number, line)
                if not is_upload_name(upload.name) or upload.name in names:
                    raise refuse(UPLOADS, f"Line {number}: this is no name of a file.")
                names.add(upload.name)
                self._check_file(upload, listed, "uploads/")
                self.counts["uploads"] += 1
            self.note(UPLOADS, entry.done)
        for name in sorted(self._archive.names - listed):
            raise refuse(name, "It is in no list of the archive.")
        return sum(map(self._archive.size_of, listed))

    def _check_media(self, number: int, line: bytes, listed: set[str]) -> None:
        media = validate(MEDIA, number, line)
        if media.slot not in self._included:
            where = media.entry or f"{MEDIA}, line {number}"
            raise refuse(where, "The media of its slot are not in the archive.")
        if media.entry is None:
            if media.problem is None:
                raise refuse(MEDIA, f"Line {number}: neither a copy nor a reason.")
            self.counts["missing"] += 1
            return
        self._check_file(media, listed, "media/")
        self.counts["media"] += 1
        self.counts["media_bytes"] += media.size

    def _check_file(self, record: Any, listed: set[str], folder: str) -> None:
        name = record.entry
        if not name.startswith(folder) or not self._archive.has(name):
            raise refuse(name[:200], "There is no such entry.")
        if name in listed:
            raise refuse(name, "It is listed twice.")
        listed.add(name)
        with self._archive.open(name) as entry:
            for _ in entry.iterate_blocks():
                self._beat()
            _compare(name, entry.done, record.size, record.sha256)

    def compare_all(self) -> None:
        """What the manifest says against what was found."""
        for entry in self._manifest.entries:
            _compare(entry.name, self._read[entry.name], entry.size, entry.sha256)
        for name, told in self._manifest.counts.model_dump().items():
            if self.counts[name] != told:
                found = self.counts[name]
                text = f"counts.{name} says {told}, the archive has {found}."
                raise refuse(MANIFEST, text)


def _compare(name: str, read: Read, size: int, sha256: str | None) -> None:
    if read.size != size:
        raise refuse(name, f"It has {read.size} bytes, not {size} as it should.")
    if read.sha256 != sha256:
        raise refuse(name, "Its checksum is not the one that it should have.")


def _check_page(first: int, page: Page) -> None:
    """Tasks have their positions, and as much is about each as it says."""
    said = Counter(row[0] for row in page.followers[ANNOTATIONS])
    predicted = Counter(row[0] for row in page.followers[PREDICTIONS])
    for position, (task, given, guessed) in enumerate(page.tasks, first):
        if task != position:
            raise refuse(TASKS, f"Line {position} is that of task {task}.")
        if said[position] != given:
            text = f"Task {position} should have {given} annotations."
            raise refuse(ANNOTATIONS, text)
        if predicted[position] != guessed:
            text = f"Task {position} should have {guessed} predictions."
            raise refuse(PREDICTIONS, text)
