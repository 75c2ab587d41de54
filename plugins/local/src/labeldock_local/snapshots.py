"""The only thing the provider remembers: names of folders that are being listed.

A page of a listing would otherwise read and sort its whole folder again. The memory is
bounded, and what was not used for some minutes is dropped. Nothing depends on it but
speed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from labeldock_local.names import SortedNames, load_names

_BUDGET: Final = 64 * 1024 * 1024
_LIFETIME: Final = 300.0
_WORTH_KEEPING: Final = 64 * 1024
_SETTLED_NS: Final = 2_000_000_000

Key = tuple[str | int, ...]
Names = Mapping[bytes, SortedNames]
"""Names by folder, given by its path below the storage's, with a final slash."""


class _Entry(NamedTuple):
    names: Names
    size: int
    expires: float


class SnapshotCache:
    """Packed names by key: least recently used first out, safe among threads."""

    def __init__(
        self,
        budget: int = _BUDGET,
        lifetime: float = _LIFETIME,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """About how many bytes are held."""
        return self._size

    def get_names(self, key: Key) -> Names:
        """What was kept under the key; empty if nothing is left of it."""
        with self._lock:
            self._drop_expired()
            entry = self._pop(key)
            if entry is None:
                return {}
            self._push(key, entry.names, entry.size)
            return entry.names

    def save_names(self, key: Key, names: Names) -> None:
        """Keep names under the key, in the place of what was there."""
        size = sum(sorted_names.size for sorted_names in names.values())
        with self._lock:
            self._drop_expired()
            self._pop(key)
            if names and size <= self._budget:
                self._push(key, names, size)
            while self._size > self._budget:
                self._pop(next(iter(self._entries)))

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key].expires > now:
                return
            self._pop(key)

    def _pop(self, key: Key) -> _Entry | None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size
        return entry

    def _push(self, key: Key, names: Names, size: int) -> None:
        self._entries[key] = _Entry(names, size, self._clock() + self._lifetime)
        self._size += size


def listing_key(folder: int, token: str) -> Key:
    """The key for the later pages of one listing of the folder."""
    status = os.fstat(folder)
    return ("listing", status.st_dev, status.st_ino, token)


def list_names(
    folder: int, start: bytes, budget: int, cache: SnapshotCache
) -> SortedNames:
    """The names of a folder as it is now, from the cache if it has not changed."""
    key = _folder_key(folder)
    if key is None:
        return load_names(folder, start, budget)
    names = cache.get_names(key).get(b"")
    if names is None or not names.covers(start):
        names = load_names(folder, start, budget)
        if names.size > _WORTH_KEEPING:
            cache.save_names(key, {b"": names})
    return names


def _folder_key(folder: int) -> Key | None:
    """A key that is never used again once the folder has changed.

    None for a folder that changed a moment ago: another change might bear the same
    time.
    """
    status = os.fstat(folder)
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if time.time_ns() - changed < _SETTLED_NS:
        return None
    return ("folder", status.st_dev, status.st_ino, changed)
