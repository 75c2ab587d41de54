"""What all media requests of a process share: decisions, threads and a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from labeldock.contract.observers import MediaServed
from labeldock.contract.provider import PLUGIN_GROUP
from labeldock.services.context import AppContext
from labeldock.services.resolving.media import Decision, MediaAsk, MediaDesk
from labeldock.services.resolving.signing import MediaGrant
from labeldock.web.media.threads import MediaThreads
from labeldock.web.media.thumbnails import Thumbnails

_MOST_ANNOUNCEMENTS: Final = 1000
_log = structlog.get_logger(__name__)


class MediaEngine:
    """One per application; used from its event loop."""

    def __init__(self, app: AppContext) -> None:
        """Start without threads and memories."""
        self.app = app
        self.desk = MediaDesk(app)
        self.threads = MediaThreads(app.settings.media_streams)
        self.limiter = StreamLimiter(app.settings.media_streams)
        self.thumbnails = Thumbnails(app.settings, self.threads)
        self._announcing: set[asyncio.Task[None]] = set()
        # A hop into a thread for each redirect only if somebody wants to know.
        self.is_watched = any(e.group == PLUGIN_GROUP for e in app.catalog.entries)

    async def decide(self, ask: MediaAsk | MediaGrant) -> Decision:
        """The decision, from memory or else from a thread.

        Raises:
            LabeldockError: as in `MediaDesk.prepare`.
        """
        decision = self.desk.recall(ask)
        if decision is not None:
            return decision
        return await self.threads.decide(partial(self.desk.prepare, ask))

    async def announce(self, event: MediaServed) -> None:
        """Have the observers told; nobody waits for them."""
        if not self.is_watched:
            return
        if len(self._announcing) >= _MOST_ANNOUNCEMENTS:
            _log.warning("media_observers_too_slow", storage_id=event.storage_id)
            return
        notify = partial(self.app.catalog.notify, "after_media_served", event)
        task = asyncio.create_task(self.threads.tell(notify))
        self._announcing.add(task)  # the loop itself would forget it
        task.add_done_callback(self._announcing.discard)


class StreamLimiter:
    """Counts the streams that are open; nobody queues."""

    def __init__(self, most: int) -> None:
        """Allow so many at a time."""
        self._most = most
        self.open = 0

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Take a place for the length of the block; False if there is none."""
        if self.open >= self._most:
            yield False
            return
        self.open += 1
        try:
            yield True
        finally:
            self.open -= 1
