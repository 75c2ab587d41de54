"""The names in one folder: sorted, packed, and bounded in size.

A folder may hold millions of names. As Python objects they would take sixty bytes more
than they are long, so they are kept joined in blocks, and of a very large folder only
the first part: the rest is read when it is needed.
"""

from __future__ import annotations

import heapq
import os
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from labeldock_local.keys import TEMPORARY_PREFIX, is_temporary

_AT_ONCE: Final = 1024
_BLOCK: Final = 256
_RUN: Final = 32_768
_MAX_RUNS: Final = 32
_OVERHEAD: Final = sys.getsizeof(b"") + 8
_CODEC: Final = sys.getfilesystemencoding()

Run = list[bytes]
"""Sorted names, in blocks of some hundred, joined by the byte no name has."""


@dataclass(slots=True)
class SortedNames:
    """The names of a folder from `low` on, up to but without `cut`.

    A sub-folder's name ends in "/", which puts it where its keys belong. `cut` is None
    if no name is missing at the end. `size` is about how many bytes it takes.
    """

    low: bytes
    cut: bytes | None = None
    runs: list[Run] = field(default_factory=list)
    size: int = 0

    def covers(self, start: bytes) -> bool:
        """Whether it knows which name comes first from `start` on."""
        return self.low <= start and (self.cut is None or start < self.cut)

    def list_from(self, start: bytes) -> Iterator[bytes]:
        """The names from `start` (inclusive) on, in order."""
        return chain.from_iterable(self.list_blocks(start))

    def list_blocks(self, start: bytes) -> Iterator[list[bytes]]:
        """The same, some hundred at a time."""
        runs = [_list_blocks(run, start) for run in self.runs]
        if len(runs) == 1:
            return runs[0]
        merged = heapq.merge(*map(chain.from_iterable, runs))
        return iter(lambda: list(islice(merged, _BLOCK)), [])


class NameReader:
    """Goes through the names of a folder, files that follow one another at once."""

    def __init__(self, blocks: Iterator[list[bytes]]) -> None:
        """Begin with the first block."""
        self._blocks = blocks
        self._block: list[bytes] = []
        self._place = 0
        self._stops: Iterator[int] = iter(())
        self._stop = 0

    def take(self, most: int) -> list[bytes]:
        """The next files, up to a sub-folder; a sub-folder alone; [] at the end."""
        if self._place == len(self._block):
            self._open(next(self._blocks, []))
        first = self._place
        if first == self._stop and first < len(self._block):
            self._place += 1
            self._stop = next(self._stops)
        else:
            self._place = min(self._stop, first + most)
        return self._block[first : self._place]

    def _open(self, block: list[bytes]) -> None:
        self._block, self._place = block, 0
        self._stops = chain(_find_folders(block), [len(block)])
        self._stop = next(self._stops)


def _find_folders(block: list[bytes]) -> Iterable[int]:
    if b"/" not in b"".join(block):  # as in most; told without a loop
        return ()
    return (i for i, name in enumerate(block) if name.endswith(b"/"))


def _list_blocks(run: Run, start: bytes) -> Iterator[list[bytes]]:
    first = max(0, bisect_right(run, start, key=_first_name) - 1)
    for index in range(first, len(run)):
        names = run[index].split(b"\0")
        if index == first:
            names = names[bisect_left(names, start) :]
        if names:  # none would be the end
            yield names


def _first_name(block: bytes) -> bytes:
    return block.partition(b"\0")[0]


def load_names(folder: int, start: bytes, budget: int) -> SortedNames:
    """Read the names of files and folders in a folder.

    Links, special files and temporary files of writes are left out.

    Args:
        folder: a descriptor that can be listed.
        start: names before it are left out.
        budget: about how many bytes the names may take, at least some blocks.
    """
    names = SortedNames(low=start)
    with os.scandir(folder) as entries:
        found = chain.from_iterable(read_names(entries))
        while batch := sorted(islice(found, _RUN)):
            _add_batch(names, _select(batch, names))
            if names.size > budget:
                _trim(names)
    return names


def _select(batch: list[bytes], names: SortedNames) -> list[bytes]:
    """Of sorted names those in the part that is collected, whose end may move."""
    end = len(batch) if names.cut is None else bisect_left(batch, names.cut)
    return batch[bisect_left(batch, names.low) : end]


def read_names(entries: Iterator[os.DirEntry[str]]) -> Iterator[list[bytes]]:
    """The names of files and folders, many at a time; that of a folder ends in "/"."""
    while batch := list(islice(entries, _AT_ONCE)):
        names = [entry.name for entry in batch if entry.is_file(follow_symlinks=False)]
        if len(names) < len(batch):
            names += [
                entry.name + "/"
                for entry in batch
                if entry.is_dir(follow_symlinks=False)
            ]
        yield _encode(names)


def _encode(names: list[str]) -> list[bytes]:
    """The names as they are on the disk, valid UTF-8 or not, all in one go."""
    joined = "\0".join(names).encode(_CODEC, "surrogateescape")
    found = joined.split(b"\0") if names else []
    if TEMPORARY_PREFIX in joined:
        return [name for name in found if not is_temporary(name.removesuffix(b"/"))]
    return found


def _add_batch(names: SortedNames, batch: list[bytes]) -> None:
    if not batch:
        return
    names.runs.append(_pack(iter(batch)))
    if len(names.runs) > _MAX_RUNS:
        names.runs = [_pack(names.list_from(names.low))]
    names.size = _measure(names.runs)


def _pack(names: Iterator[bytes]) -> Run:
    run = []
    while block := b"\0".join(islice(names, _BLOCK)):
        run.append(block)
    return run


def _measure(runs: list[Run]) -> int:
    return sum(len(block) + _OVERHEAD for block in chain.from_iterable(runs))


def _trim(names: SortedNames) -> None:
    """Drop the larger half of the names."""
    firsts = sorted(map(_first_name, chain.from_iterable(names.runs)))
    cut = firsts[len(firsts) // 2]
    if cut == firsts[0]:
        return  # a single block, which is kept whatever its size
    names.cut = cut
    names.runs = [clipped for run in names.runs if (clipped := _clip(run, cut))]
    names.size = _measure(names.runs)


def _clip(run: Run, cut: bytes) -> Run:
    kept = run[: bisect_left(run, cut, key=_first_name)]
    if kept:
        last = kept[-1].split(b"\0")
        kept[-1] = b"\0".join(last[: bisect_left(last, cut)])
    return kept
