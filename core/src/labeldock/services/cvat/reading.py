"""A CVAT backup as somebody sent it: its directory is checked before it is believed."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from labeldock.services.restoring.archives import (
    EntryReader,
    check_packing,
    refuse,
    show_name,
    told,
)
from labeldock.settings import Settings

LARGEST_DOCUMENT: Final = 512 * 2**20
_FOLDER: Final = re.compile(r"task_(\d{1,9})/task\.json")
_BLOCK: Final = 256 * 1024


class CvatArchive:
    """A zip with the entries of a CVAT backup.

    Attributes:
        folders: where its tasks are: "" for that of a task's backup, else `task_0/`.
        is_project: whether it is a project's.
    """

    def __init__(self, zip_: zipfile.ZipFile, settings: Settings) -> None:
        """Look at its directory.

        Raises:
            InvalidArchive: an entry is not what such a backup has.
        """
        self._zip = zip_
        self._infos = {info.filename: info for info in zip_.infolist()}
        self._check(settings)
        self.is_project = "project.json" in self._infos
        self.folders = self._find_folders()

    def read(self, name: str) -> bytes:
        """A document as a whole.

        Raises:
            InvalidArchive: it is not there, too large, or broken.
        """
        if name not in self._infos:
            raise refuse(name, "The archive has no such entry.")
        if self._infos[name].file_size > LARGEST_DOCUMENT:
            raise refuse(name, f"It has more than {LARGEST_DOCUMENT} bytes.")
        return b"".join(self.iterate_blocks(name))

    def has(self, name: str) -> bool:
        """Whether there is such an entry."""
        return name in self._infos

    def size_of(self, name: str) -> int:
        """The bytes of an entry when unpacked."""
        return self._infos[name].file_size

    def list_below(self, folder: str) -> list[str]:
        """The entries of a folder, without folders, in the order of their names."""
        found = (n for n in self._infos if n.startswith(folder) and not n.endswith("/"))
        return sorted(found)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """An entry as a file."""
        with told(name):
            stream = self._zip.open(self._infos[name])
        with stream:
            yield stream

    def iterate_blocks(self, name: str) -> Iterator[bytes]:
        """An entry in blocks."""
        with self.open(name) as stream:
            yield from EntryReader(name, stream).iterate_blocks()

    def _find_folders(self) -> list[str]:
        if not self.is_project:
            return [""]
        found = [int(m[1]) for name in self._infos if (m := _FOLDER.fullmatch(name))]
        return [f"task_{number}/" for number in sorted(found)]

    def _check(self, settings: Settings) -> None:
        infos = self._zip.infolist()
        if len(infos) > settings.restore_max_entries:
            most = settings.restore_max_entries
            raise refuse("archive", f"It has more than {most} entries.")
        if len(self._infos) < len(infos):
            raise refuse("archive", "Two of its entries have the same name.")
        for info in infos:
            _check_name(info.filename)
            check_packing(info, settings.restore_max_ratio)
        total = sum(info.file_size for info in infos)
        if total > settings.restore_max_bytes:
            most = settings.restore_max_bytes
            raise refuse("archive", f"It would unpack to {total} bytes, above {most}.")


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        raise refuse(show_name(name), "Its name is an absolute path.")
    if ".." in parts or "\0" in name:
        raise refuse(show_name(name), "Its name leads out of the archive.")


@contextmanager
def open_cvat_archive(path: Path, settings: Settings) -> Iterator[CvatArchive | None]:
    """The CVAT backup in a file; None if it is something else.

    Raises:
        InvalidArchive: it is one, and cannot be read.
    """
    try:
        zip_ = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield None
        return
    with zip_:
        names = set(zip_.namelist())
        is_ours = "manifest.json" in names
        is_cvat = not is_ours and bool({"task.json", "project.json"} & names)
        yield CvatArchive(zip_, settings) if is_cvat else None
