"""Contents of objects: bytes that tell where they are cut, and sources that break."""

from __future__ import annotations

import io
from typing import BinaryIO

from labeldock.contract import IntegrityError


def build_bytes(size: int) -> bytes:
    """So many bytes, in which no part looks like another one of its neighbourhood."""
    lines = (b"%015d\n" % number for number in range(size // 16 + 1))
    return b"".join(lines)[:size]


def assert_same_bytes(found: bytes | None, expected: bytes) -> None:
    """Assert that they are equal, and else say briefly where they part.

    A plain comparison of large contents keeps pytest busy for minutes, looking for a
    difference to show.

    Raises:
        AssertionError: they are not.
    """
    assert found is not None, "there is nothing"
    if found == expected:
        return
    pairs = enumerate(zip(found, expected, strict=False))
    shorter = min(len(found), len(expected))
    place = next((at for at, (one, other) in pairs if one != other), shorter)
    raise AssertionError(
        f"{len(found)} bytes instead of {len(expected)}, which differ from byte "
        f"{place} on: {found[place : place + 16]!r} instead of "
        f"{expected[place : place + 16]!r}"
    )


class ShortContent:
    """A source that has fewer bytes than it says."""

    def __init__(self, size: int, missing: int) -> None:
        self._size = size
        self._missing = missing

    @property
    def size(self) -> int:
        """What it says."""
        return self._size

    def open(self) -> BinaryIO:
        """What it has."""
        return io.BytesIO(build_bytes(self._size - self._missing))


class BrokenContent:
    """A source whose stream fails in the middle."""

    def __init__(self, size: int) -> None:
        self._size = size

    @property
    def size(self) -> int:
        """What it would have had."""
        return self._size

    def open(self) -> BinaryIO:
        """A stream that gives half of it."""
        return _BrokenStream(build_bytes(self._size))


class _BrokenStream(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        half = len(self.getbuffer()) // 2
        if self.tell() >= half:
            raise IntegrityError("the content cannot be read any further")
        wanted = half if size is None or size < 0 else size
        return super().read(min(wanted, half - self.tell()))
