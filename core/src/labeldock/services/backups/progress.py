"""How far the making of an archive is, told now and then; and whether to go on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from labeldock.services import leases
from labeldock.services.backups.zips import Lines
from labeldock.services.context import AppContext
from labeldock.services.leases import Lease

ItemT = TypeVar("ItemT")
_SECONDS: Final = 1.0
_STEP: Final = 256  # lines between two looks at the clock


class Stopped(Exception):
    """The worker was asked to hand its run back."""


class Progress:
    """Counts what is in the archive; `counts` has each by its name."""

    def __init__(self, app: AppContext, lease: Lease, total: int) -> None:
        """Expect about so many records and objects."""
        self._app, self._lease = app, lease
        self._total, self._done, self._told = total, 0, time.monotonic()
        self.counts: Counter[str] = Counter()

    def count(self, name: str, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """The items, each counted under the name.

        Raises:
            LeaseLost: the run is somebody else's, or cancelled.
            Stopped: it has to be handed back.
        """
        for number, item in enumerate(items, 1):
            self.counts[name] += 1
            self._done += 1
            yield item
            if number % _STEP == 0:
                self.look()

    def count_lines(self, name: str, blocks: Iterable[Lines]) -> Iterator[bytes]:
        """The texts of blocks of lines, each line counted under the name.

        Raises:
            LeaseLost, Stopped: see `count`.
        """
        for block in blocks:
            self.counts[name] += block.number
            self._done += block.number
            yield block.text
            self.look()

    def watch(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks of an object; each one is a sign of life."""
        for block in blocks:
            yield block
            self.look()

    def expect(self, more: int) -> None:
        """There are so many still to come."""
        self._total = self._done + more

    def look(self) -> None:
        """Say how far it is, if that was not said lately."""
        if self._lease.ending.is_set():
            raise Stopped
        self._lease.move()
        if time.monotonic() - self._told > _SECONDS:
            self.tell()

    def tell(self) -> None:
        """Write it down; the run is still ours."""
        counts = self.build()
        with self._app.database.write_connection() as connection:
            leases.fence(
                self._app, connection, self._lease, checkpoint={}, counts=counts
            )
        # Attempts are left alone: whoever dies starts anew, so this is no progress.
        self._lease.checkpoint, self._lease.counts = {}, counts
        self._told = time.monotonic()

    def build(self, *, is_done: bool = False) -> dict[str, int]:
        """The counts of the run."""
        total = self._done if is_done else max(self._total, self._done)
        return {"total": total, "done": self._done, **self.counts}
