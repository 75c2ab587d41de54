"""What all media requests of a process share: decisions, threads and a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from labeldock.contract.observers import MediaServed
from labeldock.contract.provider import PLUGIN_GROUP
from labeldock.metrics import CACHE_LOOKUPS, STREAMS
from labeldock.services.context import AppContext
from labeldock.services.media_journal import MediaJournal
from labeldock.services.resolving.media import Decision, MediaAsk, MediaDesk
from labeldock.services.resolving.signing import MediaGrant
from labeldock.web.media.threads import MediaThreads
from labeldock.web.media.thumbnails import Thumbnails

_MOST_ANNOUNCEMENTS: Final = 1000
_JOURNAL_SECONDS: Final = 1.0
_HIT: Final = CACHE_LOOKUPS.labels("media_decisions", "hit")
_MISS: Final = CACHE_LOOKUPS.labels("media_decisions", "miss")
_log = structlog.get_logger(__name__)


class MediaEngine:
    """One per application; used from its event loop."""

    def __init__(self, app: AppContext, journal: MediaJournal | None = None) -> None:
        """Start without threads and memories; `journal` notes what is served."""
        self.app = app
        self._journal = journal
        self.desk = MediaDesk(app)
        self.threads = MediaThreads(app.settings.media_streams)
        self.limiter = StreamLimiter(app.settings.media_streams)
        self.thumbnails = Thumbnails(app.settings, self.threads)
        self._announcing: set[asyncio.Task[None]] = set()
        # A hop into a thread for each redirect only if somebody wants to know.
        self._is_observed = any(e.group == PLUGIN_GROUP for e in app.catalog.entries)
        self.is_watched = self._is_observed or journal is not None

    async def decide(self, ask: MediaAsk | MediaGrant) -> Decision:
        """The decision, from memory or else from a thread.

        Raises:
            LabeldockError: as in `MediaDesk.prepare`.
        """
        decision = self.desk.recall(ask)
        if decision is not None:
            _HIT.inc()
            return decision
        _MISS.inc()
        return await self.threads.decide(partial(self.desk.prepare, ask))

    async def announce(self, event: MediaServed) -> None:
        """Have the journal and the observers told; nobody waits for them."""
        if self._journal is not None and self._journal.note(event):
            self._plan_writing(self._journal)
        if not self._is_observed:
            return
        if len(self._announcing) >= _MOST_ANNOUNCEMENTS:
            _log.warning("media_observers_too_slow", storage_id=event.storage_id)
            return
        notify = partial(self.app.catalog.notify, "after_media_served", event)
        self._begin(partial(self.threads.tell, notify))

    def _plan_writing(self, journal: MediaJournal) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(_JOURNAL_SECONDS, self._begin, partial(self._write, journal))

    async def _write(self, journal: MediaJournal) -> None:
        try:
            await self.threads.tell(journal.write)
        except SQLAlchemyError:
            _log.warning("media_journal_waits", exc_info=True)
            self._plan_writing(journal)

    def _begin(self, work: Callable[[], Any]) -> None:  # a coroutine without a result
        task = asyncio.create_task(work())
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
        STREAMS.inc()
        try:
            yield True
        finally:
            self.open -= 1
            STREAMS.dec()
