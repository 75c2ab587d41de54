"""How many requests are taken: from each caller, and from addresses without a login.

Token buckets in the memory of each web process, so with four processes a caller has up
to four times the rate. The event loop alone uses them: no lock, and no await.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException

from labeldock.services.access import Principal
from labeldock.settings import Settings

_SIZE: Final = 10_000
_HOSTED_STRANGERS: Final = 50.0  # refused requests per second and address
_BURST_SECONDS: Final = 10.0


class Buckets:
    """A bucket for each name; bounded: those used longest ago are forgotten, full."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        size: int = _SIZE,
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

    def take(self, name: str) -> float:
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


class RateLimits:
    """The limits of one web process, as the operator sets them."""

    def __init__(self, settings: Settings) -> None:
        """Start with nobody counted."""
        burst = settings.rate_limit_burst or settings.rate_limit * _BURST_SECONDS
        self._callers = Buckets(settings.rate_limit, burst)
        self._limits_callers = settings.rate_limit > 0
        rate = find_strangers_rate(settings)
        self._strangers = Buckets(rate, rate * _BURST_SECONDS)
        self.limits_strangers = rate > 0

    def count_caller(self, principal: Principal) -> None:
        """Count a request of somebody who is known: by token, else by user.

        Raises:
            HTTPException: 429, there were too many.
        """
        if not self._limits_callers:
            return
        token = principal.token_id
        name = f"user {principal.user_id}" if token is None else f"token {token}"
        if wait := self._callers.take(name):
            raise refuse("Too many requests with this login.", wait)

    def count_stranger(self, address: str) -> None:
        """Count a request that was refused since nobody is known by its credentials."""
        if self.limits_strangers:
            self._strangers.take(address)

    def refuse_stranger(self, address: str) -> None:
        """Refuse to look at further credentials from an address that had its share.

        Raises:
            HTTPException: 429.
        """
        if self.limits_strangers and (wait := self._strangers.find_wait(address)):
            raise refuse("Too many requests without a valid login.", wait)


def find_strangers_rate(settings: Settings) -> float:
    """Refused requests per second and address; 0 for no limit."""
    if settings.rate_limit_strangers is not None:
        return settings.rate_limit_strangers
    return 0.0 if settings.is_embedded else _HOSTED_STRANGERS


def refuse(reason: str, wait: float) -> HTTPException:
    """The answer to one request too many; it says when to come again."""
    seconds = max(1, math.ceil(wait))
    unit = "second" if seconds == 1 else "seconds"
    return HTTPException(
        429,
        f"{reason} Try again in {seconds} {unit}.",
        headers={"Retry-After": str(seconds)},
    )
