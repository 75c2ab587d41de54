"""How often a login may fail, for each account and for each address that tries.

Kept in memory, which refuses at once and asks nobody; what holds across processes is
counted in the database behind it (`services/accounts/login_limits.py`). Known or not,
every account is counted alike, so that nobody learns from it who has one.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

WINDOW: Final = 300.0  # seconds
ACCOUNT_FAILURES: Final = 10  # in a window
ADDRESS_FAILURES: Final = 100  # more: a proxy, or an office, may be one address
_SIZE: Final = 10_000


class LoginLimits:
    """Bounded: past `size` accounts and addresses, those seen first are forgotten."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, size: int = _SIZE
    ) -> None:
        """Start with nobody."""
        self._clock = clock
        self._size = size
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, email: str, address: str) -> float:
        """Count an attempt before it is made; how long to wait instead, in seconds.

        0 if it may be made. It counts as failed until `give_back`, so that attempts at
        once cannot all be made before the first of them has failed.
        """
        now = self._clock()
        limits = name_limits(email, address)
        with self._lock:
            waits = [self._find_wait(name, most, now) for name, most in limits.items()]
            if any(waits):
                return max(waits)
            for name in limits:
                self._add(name, 1, now)
        return 0.0

    def give_back(self, email: str, address: str) -> None:
        """Count an attempt no longer, since it succeeded."""
        now = self._clock()
        with self._lock:
            for name in name_limits(email, address):
                self._add(name, -1, now)

    def _find_wait(self, name: str, most: int, now: float) -> float:
        until, count = self._counts.get(name, (0.0, 0))
        return until - now if until > now and count >= most else 0.0

    def _add(self, name: str, number: int, now: float) -> None:
        until, count = self._counts.pop(name, (0.0, 0))
        if until <= now:
            until, count = now + WINDOW, 0
        if count + number > 0:
            self._counts[name] = (until, count + number)
        while len(self._counts) > self._size:
            self._counts.popitem(last=False)


def name_limits(email: str, address: str) -> dict[str, int]:
    """What an attempt is counted for, and how many may fail: account and address."""
    # Of one length, however long the text that somebody sends.
    account = hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()
    names = {f"account {account}": ACCOUNT_FAILURES}
    return {**names, f"address {address}": ADDRESS_FAILURES}
