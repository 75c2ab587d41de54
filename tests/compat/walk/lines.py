"""The lines of the walk: each is shown over the real API, or differs and says why.

A line that differs is shown, too; it names the row of the documentation that tells of
it. What only happens inside, such as a crash, is shown by a test elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One of them.

    `show` takes the world; `differs` is a text of the page about compatibility; and
    `elsewhere` the path of a test and its name.
    """

    section: str
    words: str
    show: Callable | None = None
    differs: str = ""
    elsewhere: tuple[str, str] | None = None

    @property
    def name(self):
        return f"{self.section} {self.words}"


LINES: list[Line] = []


def line(section, words, *, differs=""):
    """Have a function show a line."""

    def add(show):
        LINES.append(Line(section, words, show, differs))
        return show

    return add


def elsewhere(section, words, path, test):
    """A line that a test of another folder shows."""
    LINES.append(Line(section, words, elsewhere=(path, test)))


def split(names):
    """The words of a text, as names of fields."""
    return frozenset(names.split())
