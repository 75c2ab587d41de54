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
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from labeldock_local.keys import is_temporary

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
        runs = [_list_run(run, start) for run in self.runs]
        return runs[0] if len(runs) == 1 else heapq.merge(*runs)


def _list_run(run: Run, start: bytes) -> Iterator[bytes]:
    """The names of one run from `start` on; flattening is left to C."""
    return chain.from_iterable(_list_blocks(run, start))


def _list_blocks(run: Run, start: bytes) -> Iterator[list[bytes]]:
    first = max(0, bisect_right(run, start, key=_first_name) - 1)
    for index in range(first, len(run)):
        names = run[index].split(b"\0")
        yield names[bisect_left(names, start) :] if index == first else names


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
        found = _select(read_names(entries), names)
        while batch := sorted(islice(found, _RUN)):
            _add_batch(names, batch)
            if names.size > budget:
                _trim(names)
    return names


def _select(found: Iterator[bytes], names: SortedNames) -> Iterator[bytes]:
    """The names in the part that is collected; its end may move while it is."""
    low = names.low
    for name in found:
        if name >= low and (names.cut is None or name < names.cut):
            yield name


def read_names(entries: Iterator[os.DirEntry[str]]) -> Iterator[bytes]:
    for entry in entries:
        # The name as it is on the disk, valid UTF-8 or not.
        name = entry.name.encode(_CODEC, "surrogateescape")
        if name[:1] == b"." and is_temporary(name):
            continue
        if entry.is_file(follow_symlinks=False):
            yield name
        elif entry.is_dir(follow_symlinks=False):
            yield name + b"/"


def _add_batch(names: SortedNames, batch: list[bytes]) -> None:
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
