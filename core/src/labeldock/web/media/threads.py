"""The threads of the media path; nothing here shares a pool with the endpoints."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from labeldock.contract.values import Reader

ResultT = TypeVar("ResultT")
_MOST_READERS: Final = 64
_CLOSERS: Final = 4
_DECIDERS: Final = 8
_OBSERVERS: Final = 2
_DRAWERS: Final = 2  # each may hold the pixels of the largest picture


class MediaThreads:
    """Threads that read objects, threads that close them, and threads that decide.

    A thread serves a read in progress, not a stream: as many streams as are allowed
    share the readers. Closing has threads of its own, since it has to go through just
    when all readers hang.
    """

    def __init__(self, streams: int) -> None:
        """Make room for this many streams; threads start when they are needed."""
        most = min(streams, _MOST_READERS)
        self._readers = ThreadPoolExecutor(most, thread_name_prefix="media-read")
        self._closers = ThreadPoolExecutor(_CLOSERS, thread_name_prefix="media-close")
        self._deciders = anyio.CapacityLimiter(_DECIDERS)
        self._observers = anyio.CapacityLimiter(_OBSERVERS)
        self._drawers = anyio.CapacityLimiter(_DRAWERS)

    def submit(self, work: Callable[[], ResultT]) -> Future[ResultT]:
        """Run something in a reader's thread, with the caller's log context."""
        return self._readers.submit(contextvars.copy_context().run, work)

    async def read(self, work: Callable[[], ResultT]) -> ResultT:
        """The same, and wait for what it gives."""
        return await asyncio.wrap_future(self.submit(work))

    async def decide(self, work: Callable[[], ResultT]) -> ResultT:
        """Run something short in a thread, and wait for what it gives."""
        return await anyio.to_thread.run_sync(work, limiter=self._deciders)

    async def tell(self, work: Callable[[], None]) -> None:
        """Run what observers do, in threads that nobody else waits for."""
        await anyio.to_thread.run_sync(work, limiter=self._observers)

    async def draw(self, work: Callable[[], ResultT]) -> ResultT:
        """Run something that keeps a processor busy, and wait for what it gives."""
        return await anyio.to_thread.run_sync(work, limiter=self._drawers)

    def close(self, reader: Reader) -> None:
        """Have a reader closed, even while another thread is blocked in it."""
        self._closers.submit(reader.close)
