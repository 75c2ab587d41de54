"""A small memory of what was looked up: bounded, forgetting, one loader per key."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Cache(Generic[KeyT, ValueT]):
    """Safe to use from many threads. The oldest entries give way to new ones."""

    def __init__(
        self,
        size: int,
        lifetime: Callable[[ValueT], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember `size` values, each for as many seconds as `lifetime` says."""
        self._size: Final = size
        self._lifetime = lifetime
        self._clock = clock
        self._entries: OrderedDict[KeyT, tuple[float, ValueT]] = OrderedDict()
        self._loading: dict[KeyT, Future[ValueT]] = {}
        self._lock = threading.Lock()

    def get(self, key: KeyT) -> ValueT | None:
        """What is remembered; never waits for a loader."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            return None
        return entry[1]

    def fill(self, key: KeyT, load: Callable[[], ValueT]) -> ValueT:
        """What is remembered, or else what `load` gives.

        Threads that ask for the same key meanwhile wait for the one that loads it, and
        share its error, which is not remembered.
        """
        with self._lock:
            known = self.get(key)
            if known is not None:
                return known
            loading = self._loading.get(key)
            mine: Future[ValueT] = Future()
            if loading is None:
                self._loading[key] = mine
        return self._load(key, load, mine) if loading is None else loading.result()

    def drop(self, key: KeyT) -> None:
        """Forget one value."""
        with self._lock:
            self._entries.pop(key, None)

    def _load(
        self, key: KeyT, load: Callable[[], ValueT], mine: Future[ValueT]
    ) -> ValueT:
        try:
            value = load()
            self._keep(key, value)
            mine.set_result(value)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._loading[key]
        return value

    def _keep(self, key: KeyT, value: ValueT) -> None:
        until = self._clock() + self._lifetime(value)
        with self._lock:
            self._entries[key] = (until, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
