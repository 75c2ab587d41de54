"""CSV and TSV: a header, then a task in each row; every cell is text, as it stands."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from labeldock.services.importing.formats.limits import check_length
from labeldock.services.importing.formats.problems import (
    NOWHERE,
    BrokenTable,
    EmptyFile,
    NotUtf8,
    Place,
)
from labeldock.settings import Settings

TAB: Final = "\t"
_DELIMITERS: Final = ",;\t|"  # of those that are as frequent, the first one


def iterate_table(
    file: IO[bytes], settings: Settings, delimiter: str | None = None
) -> Iterator[tuple[Place, Any]]:
    """The rows of a file, as wrapped tasks: the header's names and the cells.

    Args:
        file: at its beginning.
        settings: the limits.
        delimiter: what stands between cells; None to tell by the header.

    Raises:
        EmptyFile, NotUtf8, BrokenTable, TaskTooLong: as they say.
    """
    table = _Table(file, settings, delimiter)
    names = table.read_header()
    row = 0
    while (cells := table.read_cells(Place(row=row))) is not None:
        yield Place(row=row), {"data": dict(zip(names, cells, strict=True))}
        row += 1


class _Table:
    """A file under way."""

    def __init__(
        self, file: IO[bytes], settings: Settings, delimiter: str | None
    ) -> None:
        self._file, self._settings = file, settings
        self._place = NOWHERE
        self._width = 0
        # Process-wide, and the same for every file: more than that is no task anyway.
        csv.field_size_limit(settings.task_max_length)
        self._reader = csv.reader(
            self._iterate_lines(),
            delimiter=delimiter or self._find_delimiter(),
            strict=True,
        )

    def read_header(self) -> Sequence[str]:
        """The names of the columns.

        Raises:
            EmptyFile: there is no header.
            BrokenTable: a name is missing, or there twice.
        """
        names = [name.strip() for name in self._read() or ()]
        if not any(names):
            raise EmptyFile(
                "The file has no header.",
                remedy="Put the names of the columns into its first line.",
            )
        if "" in names:
            raise self._broken(f"column {names.index('') + 1} of the header is unnamed")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise self._broken(f"the header names {twice[0][:100]!r} more than once")
        self._width = len(names)
        return names

    def read_cells(self, place: Place) -> Sequence[str] | None:
        """The cells of the next row; None after the last one.

        Raises:
            BrokenTable: there are more or fewer of them than names.
        """
        self._place = place
        cells = self._read()
        if cells is not None and len(cells) != self._width:
            found = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
            raise self._broken(f"the row has {found}, the header {self._width}")
        return cells

    def _read(self) -> Sequence[str] | None:
        try:
            return next((cells for cells in self._reader if cells), None)
        except csv.Error as error:
            raise self._broken(str(error)) from None

    def _iterate_lines(self) -> Iterator[str]:
        """Lines with their ends, since a quoted cell may hold some."""
        most = self._settings.task_max_length
        self._skip_mark()
        while line := self._file.readline(most + 1):
            check_length(self._settings, len(line), self._place)
            yield self._decode(line)

    def _skip_mark(self) -> None:
        """The byte order mark that some programs begin UTF-8 with."""
        if self._file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            self._file.seek(0)

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            number = self._reader.line_num + 1
            message = f"The file is not UTF-8: see line {number}."
            raise NotUtf8(message, self._place) from None

    def _find_delimiter(self) -> str:
        """The most frequent one of the header, outside of quotes."""
        line = self._file.readline(self._settings.task_max_length)
        self._file.seek(0)
        bare = b"".join(line.split(b'"')[::2]).decode(errors="replace")
        return max(_DELIMITERS, key=bare.count)

    def _broken(self, what: str) -> BrokenTable:
        what = what.replace("\n", " ")
        where = f"line {self._reader.line_num}"
        return BrokenTable(f"Broken table in {where}: {what}.", self._place)
