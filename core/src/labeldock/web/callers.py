"""Who a credential belongs to, remembered for a second.

A page full of thumbnails is a hundred requests with one cookie; only the first of them
asks the database. A revoked token is refused a second later at most.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from labeldock.metrics import CACHE_LOOKUPS
from labeldock.services.access import Principal

_SECONDS: Final = 1.0
_SIZE: Final = 1024
_THREADS: Final = 8
_HIT: Final = CACHE_LOOKUPS.labels("callers", "hit")
_MISS: Final = CACHE_LOOKUPS.labels("callers", "miss")
_NOBODY: Final[tuple[float, None]] = (0.0, None)


class CallerCache:
    """Bounded; used by the event loop alone, so it needs no lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start empty."""
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        # Threads of its own: the endpoints may all be busy when media is asked for.
        self._limiter = anyio.CapacityLimiter(_THREADS)

    def recall(self, credential: str) -> Principal | None:
        """The caller, if they were here within the last second."""
        until, principal = self._known.get(credential, _NOBODY)
        if until <= self._clock():
            return None
        _HIT.inc()
        return principal

    async def find(self, credential: str, load: Callable[[], Principal]) -> Principal:
        """The caller, from memory, or else from `load` in a thread.

        Raises:
            NotAuthenticated: from `load`; a refusal is not remembered.
        """
        known = self.recall(credential)
        if known is not None:
            return known
        _MISS.inc()
        now = self._clock()
        found = await anyio.to_thread.run_sync(load, limiter=self._limiter)
        self._known[credential] = (now + _SECONDS, found)
        self._known.move_to_end(credential)
        while len(self._known) > _SIZE:
            self._known.popitem(last=False)
        return found
