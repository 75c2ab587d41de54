"""The threads of one worker process: how many are free, and what they may begin.

A backup or a restore is done in one go, for hours if need be: all but one thread may do
so at a time, that there is always one which comes back soon.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from labeldock.services.context import AppContext
from labeldock.services.leases import Lease
from labeldock.services.runs import BACKUP, RESTORE
from labeldock.services.turns import claim_next

RUN_KINDS: Final = (
    "import", "export", "dry_run", "backup", "restore", "reference_check",
)  # fmt: skip
_WHOLE: Final = frozenset({BACKUP, RESTORE})


class Hands:
    """Counts the threads that are at work."""

    def __init__(self, threads: int, queues: Collection[str]) -> None:
        """All of them are free, for work from these queues."""
        self._threads = threads
        self._kinds = frozenset(RUN_KINDS) & frozenset(queues)
        self._guard = threading.Lock()
        self._at_work = 0
        self._whole = threading.Semaphore(max(1, threads - 1))

    @property
    def idle(self) -> int:
        """How many have nothing to do."""
        return max(0, self._threads - self._at_work)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """One of them is at work while the block runs."""
        with self._guard:
            self._at_work += 1
        try:
            yield
        finally:
            with self._guard:
                self._at_work -= 1

    @contextmanager
    def hold_next(
        self, app: AppContext, owner: str, kind: str
    ) -> Iterator[Lease | None]:
        """What is to be done next, held for a thread that does it in this block.

        Of one team, that is a run of this kind, if there is one.
        """
        may_take_whole = self._whole.acquire(blocking=False)
        try:
            kinds = self._kinds if may_take_whole else self._kinds - _WHOLE
            lease = claim_next(app, owner, kinds, kind)
            if may_take_whole and not is_whole(lease):
                self._whole.release()
                may_take_whole = False
            yield lease
        finally:
            if may_take_whole:
                self._whole.release()


def is_whole(lease: Lease | None) -> bool:
    """Whether it is work that is done in one go."""
    return lease is not None and lease.kind in _WHOLE
