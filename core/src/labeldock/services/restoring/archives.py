"""An archive as somebody sent it: nothing in it is believed before it was looked at.

What the directory of the zip says is checked first: names, sizes, how entries are
packed, and that no two of them share bytes. What they hold is read as a stream, never
further than the directory says, with its checksum on the way.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from labeldock.contract.errors import InvalidInput
from labeldock.services.backups.format import (
    ENTRIES,
    MANIFEST,
    MEDIA_NAME,
    UPLOAD_NAME,
)
from labeldock.settings import Settings

_BLOCK: Final = 256 * 1024
_ENCRYPTED: Final = 0x1
_PACKED: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_FREE_RATIO: Final = 16 * 1024 * 1024  # bytes that may be packed however well
_HEADER: Final = 30  # bytes before the name of an entry, where it lies


class InvalidArchive(InvalidInput):
    """An archive that cannot be restored; the message names the entry."""

    code = "invalid_archive"


def refuse(entry: str, what: str) -> InvalidArchive:
    """The error for an entry."""
    return InvalidArchive(
        f"{entry}: {what}",
        field="archive",
        remedy="Make the backup again, or transfer the file again.",
    )


@dataclass(frozen=True, slots=True)
class Read:
    """What an entry came to when it was read to its end."""

    size: int
    sha256: str


class Archive:
    """A zip whose directory was checked. Whoever opens it closes it."""

    def __init__(self, stream: IO[bytes], settings: Settings) -> None:
        """Look at its directory.

        Raises:
            InvalidArchive: it is no zip, or an entry is not what a backup has.
        """
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise refuse("archive", f"It is not a whole zip file ({error}).") from None
        self._infos = {info.filename: info for info in self._zip.infolist()}
        self._check(settings)

    def size_of(self, name: str) -> int:
        """How many bytes an entry has when unpacked."""
        return self._infos[name].file_size

    def has(self, name: str) -> bool:
        """Whether there is such an entry."""
        return name in self._infos

    @property
    def names(self) -> frozenset[str]:
        """The names of copies and uploads: all that no entry of the format is."""
        return frozenset(self._infos) - {MANIFEST, *ENTRIES}

    @contextmanager
    def open(self, name: str) -> Iterator[EntryReader]:
        """Read an entry.

        Raises:
            InvalidArchive: its packing or its checksum is broken.
        """
        if name not in self._infos:
            raise refuse(name, "The archive has no such entry.")
        with told(name):
            stream = self._zip.open(self._infos[name])
        with stream:
            yield EntryReader(name, stream)

    def open_stream(self, name: str) -> IO[bytes]:
        """An entry as a file, to be copied; its checksum is compared at its end."""
        return self._zip.open(self._infos[name])

    def read(self, name: str, most: int) -> bytes:
        """A small entry as a whole.

        Raises:
            InvalidArchive: it has more than `most` bytes.
        """
        if self.has(name) and self.size_of(name) > most:
            raise refuse(name, f"It has more than {most} bytes.")
        with self.open(name) as entry:
            return b"".join(entry.iterate_blocks())

    def close(self) -> None:
        """Close it; the stream stays with whoever opened that."""
        self._zip.close()

    # The directory

    def _check(self, settings: Settings) -> None:
        infos = self._zip.infolist()
        if len(infos) > settings.restore_max_entries:
            most = settings.restore_max_entries
            raise refuse("archive", f"It has more than {most} entries.")
        self._check_names(infos)
        for info in infos:
            check_packing(info, settings.restore_max_ratio)
        total = sum(info.file_size for info in infos)
        if total > settings.restore_max_bytes:
            most = settings.restore_max_bytes
            raise refuse("archive", f"It would unpack to {total} bytes, above {most}.")
        self._check_places(infos)
        for name in (MANIFEST, *ENTRIES):
            if name not in self._infos:
                raise refuse(name, "The archive has no such entry.")

    def _check_names(self, infos: list[zipfile.ZipInfo]) -> None:
        seen: set[str] = set()
        for info in infos:
            name = info.filename
            if name in seen:
                raise refuse(show_name(name), "There are two entries of this name.")
            seen.add(name)
            if not _is_known(name) or info.orig_filename != name:
                raise refuse(show_name(name), _explain(name))

    def _check_places(self, infos: list[zipfile.ZipInfo]) -> None:
        """No byte of the file belongs to two entries, as in bombs that overlap."""
        ordered = sorted(infos, key=lambda info: info.header_offset)
        ends = [info.header_offset for info in ordered[1:]]
        ends.append(self._zip.start_dir)
        for info, end in zip(ordered, ends, strict=True):
            length = _HEADER + len(info.orig_filename.encode()) + info.compress_size
            if info.header_offset + length > end:
                raise refuse(
                    show_name(info.filename), "It overlaps with another entry."
                )


@contextmanager
def open_archive(path: Path, settings: Settings) -> Iterator[Archive]:
    """An archive in a file.

    Raises:
        InvalidArchive: it is none.
    """
    with path.open("rb") as stream:
        archive = Archive(stream, settings)
        try:
            yield archive
        finally:
            archive.close()


def _is_known(name: str) -> bool:
    if name in {MANIFEST, *ENTRIES}:
        return True
    return bool(MEDIA_NAME.fullmatch(name) or UPLOAD_NAME.fullmatch(name))


def _explain(name: str) -> str:
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        return "Its name is an absolute path."
    if ".." in name.replace("\\", "/").split("/"):
        return "Its name leads out of the archive."
    if _is_known(name.lower()):
        return "Its name is written in the wrong case."
    return "A backup has no entry of this name."


def show_name(name: str) -> str:
    """A name as text that can be shown, whatever it holds."""
    shown = name.encode("ascii", "backslashreplace").decode()[:200]
    return repr(shown)[1:-1] or "an entry without a name"


def check_packing(info: zipfile.ZipInfo, ratio: int) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise refuse(info.filename, "It is encrypted.")
    if info.compress_type not in _PACKED:
        raise refuse(info.filename, "It is packed in a way that backups are not.")
    if info.compress_type == zipfile.ZIP_STORED:
        if info.compress_size != info.file_size:
            raise refuse(info.filename, "Its sizes contradict each other.")
    elif info.file_size > max(_FREE_RATIO, info.compress_size * ratio):
        packed, unpacked = info.compress_size, info.file_size
        raise refuse(info.filename, f"{packed} bytes would unpack to {unpacked}.")


# Reading


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn what the zip library says into an error that names the entry."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise refuse(name, f"It is damaged ({error}).") from None
    except RuntimeError:  # what zipfile raises where it wants a password
        raise refuse(name, "It is encrypted.") from None


class EntryReader:
    """The bytes of one entry, and what they came to."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        """Begin at its beginning."""
        self.name = name
        self._stream = stream
        self._digest, self._size = hashlib.sha256(), 0

    @property
    def done(self) -> Read:
        """What was read so far."""
        return Read(self._size, self._digest.hexdigest())

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; empty at the end."""
        with told(self.name):
            block = self._stream.read(size)
        self._digest.update(block)
        self._size += len(block)
        return block

    def close(self) -> None:
        """Leave it to whoever opened it."""

    def iterate_blocks(self) -> Iterator[bytes]:
        """All of it, in blocks."""
        while block := self.read(_BLOCK):
            yield block

    def iterate_lines(self, most: int) -> Iterator[bytes]:
        """Its lines, without their ends.

        Raises:
            InvalidArchive: a line has more than `most` bytes, or the last has no end.
        """
        rest = b""
        for block in self.iterate_blocks():
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            if len(rest) > most:
                raise refuse(self.name, f"A line has more than {most} bytes.")
            yield from lines
        if rest:
            raise refuse(self.name, "Its last line is not whole.")
