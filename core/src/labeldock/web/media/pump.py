"""The pump: from blocking reads in a thread to a coroutine that sends.

Blocks are read ahead against credits, of which a stream has two. One is taken before a
block is read and given back when the block has been sent; without any the work leaves
its thread, and is sent there again when the client has taken the next block.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from labeldock.contract.values import ObjectBody, Reader
from labeldock.web.media.threads import MediaThreads

BLOCK_SIZE: Final = 256 * 1024
CREDITS: Final = 2
_PATIENCE: Final = 0.02  # seconds after which a block is passed on as it is


class Pump:
    """Carries one object, or a range of it. Used by one coroutine, and then closed.

    Attributes:
        left: how many bytes are still to be had; known once it is open.
    """

    def __init__(
        self, threads: MediaThreads, open_body: Callable[[], ObjectBody]
    ) -> None:
        """Prepare to call `open_body` and to read what it gives; nothing starts yet."""
        self._threads = threads
        self._open_body = open_body
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[bytes | BaseException] = asyncio.Queue()
        self._first = b""
        self._is_owed = False
        self.left = 0
        # What follows is shared with the thread that reads.
        self._lock = threading.Lock()
        self._body: ObjectBody | None = None
        self._unread = 0
        self._credits = 0
        self._is_working = False
        self._is_closed = False

    async def open(self) -> ObjectBody:
        """Open the object and wait for its first block, so that early errors are known.

        Raises:
            LabeldockError: what opening or the first read raised.
        """
        self._grant(CREDITS)
        self._first = await self._receive()
        assert self._body is not None
        self.left = measure_body(self._body)
        return self._body

    async def read(self) -> bytes:
        """The next block. Asking for it says that the block before has been sent.

        Where the client is the slower one, the credit of that block is kept back until
        `note_progress`: what was sent may still lie in the server's buffer.

        Raises:
            LabeldockError: what reading it raised.
        """
        block, self._first = self._first, b""
        if not block:
            self.note_progress()
            self._is_owed = not self._arrived.empty()
            if not self._is_owed:
                self._grant(1)
            block = await self._receive()
        self.left -= len(block)
        return block

    def note_progress(self) -> None:
        """Some of the present block was sent, so those before have left the buffer."""
        if self._is_owed:
            self._is_owed = False
            self._grant(1)

    def close(self) -> None:
        """Release the object, even while it is being opened or read."""
        body = self._take_body()
        if body is not None:
            self._threads.close(body.reader)

    def _take_body(self) -> ObjectBody | None:
        """The body, for the one who is to close it; None if there is nothing to do."""
        with self._lock:
            body = None if self._is_closed else self._body
            self._is_closed = True
        return body

    async def _receive(self) -> bytes:
        item = await self._arrived.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _grant(self, credits_: int) -> None:
        with self._lock:
            self._credits += credits_
            if self._is_working or self._is_closed:
                return
            self._is_working = True
        self._threads.submit(self._work).add_done_callback(self._report)

    # In a reader's thread

    def _work(self) -> None:
        body = self._body or self._open()
        while body and self._take_credit():
            block = read_block(body.reader, self._unread)
            self._unread -= len(block)
            self._deliver(block)
            if not self._unread and (done := self._take_body()):
                done.reader.close()  # here, which is a hop less than from the loop

    def _open(self) -> ObjectBody | None:
        if self._is_closed:
            return None
        body = self._open_body()
        with self._lock:
            self._body = body
            self._unread = measure_body(body)
            is_late = self._is_closed
        if is_late:
            body.reader.close()
        elif not self._unread:
            self._deliver(b"")
        return body

    def _take_credit(self) -> bool:
        with self._lock:
            if self._is_closed or not self._unread or not self._credits:
                self._is_working = False
                return False
            self._credits -= 1
            return True

    def _report(self, work: Future[None]) -> None:
        """Hand on whatever ended the work: the stream would wait for ever."""
        if not work.cancelled() and (error := work.exception()):
            self._deliver(error)

    def _deliver(self, item: bytes | BaseException) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)


def read_block(reader: Reader, left: int) -> bytes:
    """The next block: full, unless the storage gives little at a time."""
    wanted = min(BLOCK_SIZE, left)
    block = reader.read(wanted)
    if len(block) == wanted:
        return block
    parts = [block]
    until = time.monotonic() + _PATIENCE
    while (wanted := wanted - len(parts[-1])) and time.monotonic() < until:
        parts.append(reader.read(wanted))
    return b"".join(parts)


def measure_body(body: ObjectBody) -> int:
    """How many bytes the reader gives."""
    return body.content_range.length if body.content_range else body.info.size
