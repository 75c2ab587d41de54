"""Counts how much of a text is looked at: by patterns, by searches and by slices."""

from __future__ import annotations

import re

from labeldock.services.resolving import uris


class Tally:
    """How many characters were looked at."""

    def __init__(self):
        self.work = 0

    def add(self, start, end):
        self.work += max(0, end - start) + 1


class CountedText(str):
    """A text that counts what is searched and cut out of it."""

    __slots__ = ("tally",)

    def find(self, part, start=0, end=None):
        end = len(self) if end is None else end
        found = super().find(part, start, end)
        self.tally.add(start, end if found < 0 else found)
        return found

    def count(self, part, start=0, end=None):
        end = len(self) if end is None else end
        self.tally.add(start, end)
        return super().count(part, start, end)

    def __getitem__(self, place):
        piece = super().__getitem__(place)
        self.tally.add(0, len(piece))
        return piece

    def strip(self, *characters):
        self.tally.add(0, len(self))
        return super().strip(*characters)

    def lstrip(self, *characters):
        self.tally.add(0, len(self))
        return super().lstrip(*characters)


class CountedPattern:
    """A pattern that counts from where it begins to where it ends."""

    def __init__(self, pattern, tally):
        self.pattern, self.tally = pattern, tally

    def search(self, text, start=0):
        found = self.pattern.search(text, start)
        self.tally.add(start, found.end() if found else len(text))
        return found

    def match(self, text, start=0):
        found = self.pattern.match(text, start)
        self.tally.add(start, found.end() if found else start)
        return found

    def finditer(self, text, start, end):
        position = start
        for found in self.pattern.finditer(text, start, end):
            self.tally.add(position, found.end())
            position = found.end()
            yield found
        self.tally.add(position, end)

    def sub(self, replacement, text):
        self.tally.add(0, len(text))
        return self.pattern.sub(replacement, text)


def count_work(monkeypatch, text, schemes):
    """How many characters `find_uris` looks at, each time it does."""
    tally = Tally()
    counted = CountedText(text)
    counted.tally = tally
    with monkeypatch.context() as patch:
        for name, value in vars(uris).items():
            if isinstance(value, re.Pattern):
                patch.setattr(uris, name, CountedPattern(value, tally))
        uris.find_uris(counted, schemes)
    return tally.work
