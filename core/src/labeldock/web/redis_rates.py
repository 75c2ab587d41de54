"""One token bucket for all web processes, in Redis, which each spends from in blocks.

A process takes a tenth of a second's worth at once and spends it from memory, so most
requests ask nobody. Together they never grant more than the bucket held. While Redis
is away, each process counts by itself.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import anyio
import anyio.to_thread
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from labeldock.settings import Settings
from labeldock.web.token_buckets import SIZE, Buckets

_BLOCK_SECONDS: Final = 0.1
_LEASE_SECONDS: Final = 5.0
_AWAY_SECONDS: Final = 5.0
_TIMEOUT: Final = 0.5  # seconds; who waits is a request
_THREADS: Final = 4
_log: Final = structlog.get_logger("labeldock.rates")

# By the clock of Redis, which all of them share. What a process had left of its last
# block is put back. A wait is told with tokens, too: for when they are spent.
_SCRIPT: Final = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = burst
if known[1] then
  level = known[1] + math.max(0, now - known[2]) * rate + tonumber(ARGV[4])
  level = math.min(burst, level)
end
local granted = math.min(tonumber(ARGV[3]), math.floor(level))
level = level - granted
redis.call('HSET', KEYS[1], 'level', string.format('%.6f', level),
           'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - level) / rate * 1000) + 1000)
return {granted, string.format('%.6f', math.max(0, 1 - level) / rate)}
"""


class Grant(NamedTuple):
    """Tokens that were taken, and the seconds until there is another one."""

    tokens: int
    wait: float


class Store(Protocol):
    """Where the buckets are that processes share."""

    def take(
        self, name: str, rate: float, burst: float, wanted: int, left: int
    ) -> Grant:
        """Put back what is left, and take up to what is wanted.

        Raises:
            redis.RedisError: it is away.
        """


class RedisStore:
    """Buckets in Redis; those that are full are forgotten there."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet."""
        self._client = redis.Redis.from_url(
            settings.broker_url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._client.register_script(_SCRIPT)

    def take(
        self, name: str, rate: float, burst: float, wanted: int, left: int
    ) -> Grant:
        """Put back what is left, and take up to what is wanted.

        Raises:
            redis.RedisError: it is away.
        """
        # A sync client's answer; the types have that of an async one, too.
        found: Any = self._script(
            keys=[f"labeldock:rate:{name}"], args=[rate, burst, wanted, left]
        )
        return Grant(int(found[0]), float(found[1]))

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


class _Lease:
    """What a process holds of a bucket: tokens, or the time until it may ask again."""

    __slots__ = ("_until", "_wait_until", "left")

    def __init__(self, grant: Grant, now: float) -> None:
        self.left = grant.tokens
        self._until = now + _LEASE_SECONDS
        self._wait_until = now + grant.wait

    def find_wait(self, now: float) -> float | None:
        """0, or the seconds until there is a token; None: the store has to be asked."""
        if self.left > 0:
            return 0.0 if now < self._until else None
        return self._wait_until - now if now < self._wait_until else None


class SharedBuckets:
    """A bucket for each name, for all processes; used by the event loop alone."""

    def __init__(
        self,
        store: Store,
        kind: str,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with nothing taken.

        Args:
            store: where the buckets are.
            kind: what the limit is for; keeps its names apart from others'.
            rate: how many tokens are put into a bucket per second.
            burst: how many one holds.
            clock: seconds.
        """
        self._store, self._kind = store, kind
        self._rate, self._burst = rate, max(burst, 1.0)
        self._block = max(1, int(min(self._burst, rate * _BLOCK_SECONDS)))
        self._clock = clock
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._asked: dict[str, anyio.Event] = {}
        self._own = Buckets(rate, burst, clock=clock)
        self._away_until = 0.0
        # Threads of its own: the endpoints may all be busy.
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def take(self, name: str) -> float:
        """Take one; 0, or the seconds until there is one, and none was taken."""
        while not self._is_away():
            lease = self._leases.get(name)
            wait = None if lease is None else lease.find_wait(self._clock())
            if lease is not None and wait is not None:
                if not wait:
                    lease.left -= 1
                return wait
            if (asked := self._asked.get(name)) is not None:
                await asked.wait()
            else:
                await self._ask(name)
        return await self._own.take(name)

    def find_wait(self, name: str) -> float:
        """The seconds until there is one, as far as this process knows; 0 if there is.

        Nothing is taken, and nobody is asked.
        """
        if self._is_away():
            return self._own.find_wait(name)
        lease = self._leases.get(name)
        return (lease and lease.find_wait(self._clock())) or 0.0

    async def _ask(self, name: str) -> None:
        """Take a block; others who want of it meanwhile wait for this."""
        event = self._asked[name] = anyio.Event()
        known = self._leases.pop(name, None)
        left = 0 if known is None else known.left
        try:
            grant = await anyio.to_thread.run_sync(
                self._store.take,
                f"{self._kind}:{name}",
                self._rate,
                self._burst,
                self._block,
                left,
                limiter=self._limiter,
            )
        except redis.RedisError as error:
            self._away_until = self._clock() + _AWAY_SECONDS
            _log.warning("rate_limits_apart", error=type(error).__name__)
        else:
            self._keep(name, _Lease(grant, self._clock()))
        finally:
            del self._asked[name]
            event.set()

    def _keep(self, name: str, lease: _Lease) -> None:
        self._leases[name] = lease
        self._leases.move_to_end(name)
        if len(self._leases) > SIZE:
            self._leases.popitem(last=False)

    def _is_away(self) -> bool:
        return self._clock() < self._away_until
