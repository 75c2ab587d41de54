"""How many requests are taken: from each caller, and from addresses without a login.

With a broker, all web processes count together (`redis_rates`), else each by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

from starlette.exceptions import HTTPException

from labeldock.services.access import Principal
from labeldock.settings import Settings
from labeldock.web.token_buckets import Buckets

if TYPE_CHECKING:
    from labeldock.web.redis_rates import RedisStore

_HOSTED_STRANGERS: Final = 50.0  # refused requests per second and address
_BURST_SECONDS: Final = 10.0


class Limit(Protocol):
    """A bucket of tokens for each name."""

    async def take(self, name: str) -> float:
        """Take one; 0, or the seconds until there is one, and none was taken."""

    def find_wait(self, name: str) -> float:
        """The seconds until there is one; 0 if there is, or nobody knows."""


class RateLimits:
    """The limits as the operator sets them: of one process, or shared by a broker."""

    def __init__(self, settings: Settings) -> None:
        """Start with nobody counted; nothing is connected yet."""
        self._store = None if settings.is_embedded else _connect(settings)
        burst = settings.rate_limit_burst or settings.rate_limit * _BURST_SECONDS
        self._callers = self._build("caller", settings.rate_limit, burst)
        self._limits_callers = settings.rate_limit > 0
        rate = find_strangers_rate(settings)
        self._strangers = self._build("stranger", rate, rate * _BURST_SECONDS)
        self.limits_strangers = rate > 0

    def _build(self, kind: str, rate: float, burst: float) -> Limit:
        if self._store is None:
            return Buckets(rate, burst)
        from labeldock.web.redis_rates import SharedBuckets  # noqa: PLC0415

        return SharedBuckets(self._store, kind, rate, burst)

    async def count_caller(self, principal: Principal) -> None:
        """Count a request of somebody who is known: by token, else by user.

        Raises:
            HTTPException: 429, there were too many.
        """
        if not self._limits_callers:
            return
        token = principal.token_id
        name = f"user {principal.user_id}" if token is None else f"token {token}"
        if wait := await self._callers.take(name):
            raise refuse("Too many requests with this login.", wait)

    async def count_stranger(self, address: str) -> None:
        """Count a request that was refused since nobody is known by its credentials."""
        if self.limits_strangers:
            await self._strangers.take(address)

    def refuse_stranger(self, address: str) -> None:
        """Refuse to look at further credentials from an address that had its share.

        Raises:
            HTTPException: 429.
        """
        if self.limits_strangers and (wait := self._strangers.find_wait(address)):
            raise refuse("Too many requests without a valid login.", wait)

    def close(self) -> None:
        """Give back the connections."""
        if self._store is not None:
            self._store.close()


def _connect(settings: Settings) -> RedisStore:
    from labeldock.web.redis_rates import RedisStore  # noqa: PLC0415  not for embedded

    return RedisStore(settings)


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
