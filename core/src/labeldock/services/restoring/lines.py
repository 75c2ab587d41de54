"""The lines of an archive's entries, page by page: tasks with what is about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from labeldock.services.backups.format import (
    ANNOTATIONS,
    PREDICTIONS,
    REFERENCES,
    TASKS,
)
from labeldock.services.restoring.archives import Archive, EntryReader, refuse

MOST_BYTES: Final = 256 * 1024 * 1024  # of one line, which is held as a whole
PAGE: Final = 2000
"""Tasks of a page, at most; fewer where their lines are long."""
FOLLOWERS: Final = (ANNOTATIONS, PREDICTIONS, REFERENCES)
_FIRST_PAGE: Final = 250
_PAGE_BYTES: Final = 8 * 1024 * 1024

Row = tuple[Any, ...]
"""What a line came to; the task that it is about, or None, stands first.

A tuple of atoms: the garbage collector soon stops to look at those, and there are
millions of them.
"""
Parse = Callable[[int, bytes], Row]
"""Reads a line: the how many-th from 1, its text."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks that follow each other, and the lines about them by entry."""

    tasks: list[Row]
    followers: dict[str, list[Row]]


class Pages:
    """The tasks of an archive in order, with what is about them.

    Attributes:
        readers: the open entries, with what was read of them.
        numbers: how many lines were read, by entry.
    """

    def __init__(
        self, readers: Mapping[str, EntryReader], parsers: Mapping[str, Parse]
    ) -> None:
        """Read the first line of each entry that is beside the tasks."""
        self.readers = readers
        self.numbers = dict.fromkeys(readers, 0)
        self._parsers = parsers
        self._bytes, self._most = 0, _FIRST_PAGE
        self._lines = {name: self._iterate(name) for name in readers}
        self._heads = {name: next(self._lines[name], None) for name in FOLLOWERS}
        self._last = dict.fromkeys(FOLLOWERS, 1)

    def skip(self, count: int) -> None:
        """Pass over so many tasks, from the first on, and what is about them."""
        for _ in islice(self._lines[TASKS], count):
            pass
        for name in FOLLOWERS:
            self._take(name, count)

    def iterate(self) -> Iterator[Page]:
        """All pages.

        Raises:
            InvalidArchive: a line is about a task that comes before.
        """
        while tasks := list(islice(self._lines[TASKS], self._most)):
            last = self.numbers[TASKS]
            yield Page(tasks, {name: self._take(name, last) for name in FOLLOWERS})
            self._adapt()

    def iterate_left(self) -> Iterator[Row]:
        """The references without a task, after all pages.

        Raises:
            InvalidArchive: another line is left, or a reference is about a task.
        """
        for name in FOLLOWERS:
            head = self._heads[name]
            while head is not None:
                if name != REFERENCES or head[0] is not None:
                    raise self._refuse(name)
                yield head
                head = next(self._lines[name], None)

    def _iterate(self, name: str) -> Iterator[Row]:
        parse, numbers = self._parsers[name], self.numbers
        lines = self.readers[name].iterate_lines(MOST_BYTES)
        for number, line in enumerate(lines, 1):
            numbers[name] = number
            self._bytes += len(line)
            yield parse(number, line)

    def _take(self, name: str, upto: int) -> list[Row]:
        """The lines about tasks up to this one, which have to ascend."""
        head, last, lines = self._heads[name], self._last[name], self._lines[name]
        taken: list[Row] = []
        while head is not None and head[0] is not None and head[0] <= upto:
            if head[0] < last:
                raise self._refuse(name)
            last = head[0]
            taken.append(head)
            head = next(lines, None)
        self._heads[name], self._last[name] = head, last
        return taken

    def _refuse(self, name: str) -> Exception:
        text = f"Line {self.numbers[name]} is not about a task in its turn."
        return refuse(name, text)

    def _adapt(self) -> None:
        """Fewer tasks for the next page if this one was large, more if it was not."""
        if self._bytes > _PAGE_BYTES:
            self._most = max(1, self._most // 2)
        elif self._bytes < _PAGE_BYTES // 2:
            self._most = min(PAGE, self._most * 2)
        self._bytes = 0


@contextmanager
def open_pages(archive: Archive, parsers: Mapping[str, Parse]) -> Iterator[Pages]:
    """The pages of an archive, each line read by the parser of its entry."""
    with ExitStack() as stack:
        readers = {
            name: stack.enter_context(archive.open(name))
            for name in (TASKS, *FOLLOWERS)
        }
        yield Pages(readers, parsers)
