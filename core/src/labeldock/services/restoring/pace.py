"""How far a restore is: told while it goes on, and committed with what it has done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlmodel import Session

from labeldock.services import leases
from labeldock.services.backups.progress import Stopped
from labeldock.services.context import AppContext
from labeldock.services.leases import Lease
from labeldock.services.restoring.project import State

_SECONDS: Final = 1.0


class Pace:
    """Holds the run while an archive is fetched, checked and loaded."""

    def __init__(self, app: AppContext, lease: Lease, state: State) -> None:
        """Go on from where the run is."""
        self._app, self._lease = app, lease
        self.state = state
        self._counts = dict(lease.counts)
        self._told = time.monotonic()

    def expect(self, **counts: int) -> None:
        """So much there is to do."""
        self._counts |= {**counts, "total": sum(counts.values())}

    def note(self, **counts: int) -> None:
        """So much was found, which is not work."""
        self._counts |= counts

    def beat(self) -> None:
        """Show that something moves, and that the run is still ours.

        Raises:
            LeaseLost: it is somebody else's, or cancelled.
            Stopped: it has to be handed back.
        """
        if self._lease.ending.is_set():
            raise Stopped
        self._lease.move()
        if time.monotonic() - self._told > _SECONDS:
            with self.transaction():
                pass

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that holds the run, and notes the state that it leaves."""
        with self._app.database.write_connection() as connection:
            # Ours, or nothing is written; where it will be is noted at the end.
            leases.fence(
                self._app,
                connection,
                self._lease,
                checkpoint=self._lease.checkpoint,
                counts=self._lease.counts,
            )
            with Session(connection) as session:
                yield session
                session.flush()
            checkpoint, counts = self._build()
            leases.fence(
                self._app, connection, self._lease, checkpoint=checkpoint, counts=counts
            )
        self._lease.commit(checkpoint, counts)
        self._told = time.monotonic()

    def _build(self) -> tuple[dict[str, object], dict[str, int]]:
        state = self.state
        checkpoint = state.dump() if state.project_id else {}
        done = state.tasks + state.media + state.uploads
        counts = self._counts | {"done": done, "created": state.tasks}
        return checkpoint, counts
