"""Token buckets in the memory of one process, as long as there is no broker."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

SIZE: Final = 10_000
"""How many buckets are remembered."""


class Buckets:
    """A bucket for each name; bounded: those used longest ago are forgotten, full.

    Used by the event loop alone: no lock, and nothing is waited for.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        size: int = SIZE,
    ) -> None:
        """Start with all buckets full.

        Args:
            rate: how many are put in per second.
            burst: how many one holds.
            clock: seconds.
            size: how many buckets are remembered.
        """
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._clock = clock
        self._size = size
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, name: str) -> float:
        """Take one; 0, or the seconds until there is one, and none was taken."""
        now = self._clock()
        level = self._find_level(name, now)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[name] = (level - 1.0, now)
        self._levels.move_to_end(name)
        if len(self._levels) > self._size:
            self._levels.popitem(last=False)
        return 0.0

    def find_wait(self, name: str) -> float:
        """The seconds until there is one; 0 if there is. Nothing is taken."""
        level = self._find_level(name, self._clock())
        return 0.0 if level >= 1.0 else (1.0 - level) / self._rate

    def _find_level(self, name: str, now: float) -> float:
        known = self._levels.get(name)
        if known is None:
            return self._burst
        return min(self._burst, known[0] + (now - known[1]) * self._rate)
