"""A media stream as a response.

It ends in one of three ways: whole; because the client is gone; or broken off, since
the storage failed or the time is up. Then the response is left without its end, and the
server closes the connection, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from labeldock.contract.errors import LabeldockError, OperationTimeout
from labeldock.contract.observers import MediaServed
from labeldock.metrics import MEDIA, MEDIA_BYTES
from labeldock.services.resolving.media import Stream
from labeldock.web.context import context_of
from labeldock.web.media.answers import render_busy, render_error
from labeldock.web.media.delivery import Delivery, StreamAnswer
from labeldock.web.media.disconnects import ClientWatch
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.headers import list_headers, merge_headers
from labeldock.web.media.pump import Pump
from labeldock.web.metering import STREAMED

_IDLE_SECONDS: Final = 60.0  # without a block of a download being taken
_log = structlog.get_logger(__name__)


class MediaStream:
    """The response to one request; an ASGI application, as responses are."""

    def __init__(self, engine: MediaEngine, stream: Stream, request: Request) -> None:
        """Prepare; nothing is opened yet."""
        self._engine = engine
        self._stream = stream
        self._is_head = request.method == "HEAD"
        self._correlation_id = context_of(request).correlation_id
        headers = merge_headers(request.headers.items())
        self._delivery = Delivery(engine, stream, headers)
        self._has_started = False
        self._sent = 0
        self._keep_going: Callable[[], None] = _do_nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, within the limit of open streams."""
        scope[STREAMED] = True
        try:
            with self._engine.limiter.slot() as is_free:
                if is_free:
                    await self._serve(receive, send)
        except LabeldockError as error:
            MEDIA.labels(error.code).inc()
            await render_error(error, self._correlation_id)(scope, receive, send)
            return
        MEDIA.labels("stream" if is_free else "busy").inc()
        MEDIA_BYTES.inc(self._sent)
        if not is_free:
            await render_busy(self._correlation_id)(scope, receive, send)
        elif self._sent:
            await self._engine.announce(self._build_event())

    async def _serve(self, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        try:
            await self._serve_in_time(receive, send)
        except LabeldockError as error:
            if not self._has_started:
                raise
            MEDIA.labels("broken_off").inc()
            _log.warning(
                "media_stream_broken_off",
                code=error.code,
                reason=error.message,
                storage_id=self._stream.storage_id,
                key=self._stream.key,
                sent=self._sent,
                seconds=round(time.monotonic() - began, 3),
            )
        finally:
            self._delivery.close()

    async def _serve_in_time(self, receive: Receive, send: Send) -> None:
        seconds = self._engine.app.settings.resolver_proxy_timeout
        limit = asyncio.timeout(seconds)
        watch = ClientWatch(receive, limit)
        if self._stream.is_download:
            self._keep_going = partial(_put_off, limit, watch)
        try:
            async with limit, watch:
                opening = (
                    self._delivery.describe if self._is_head else self._delivery.open
                )
                await self._send(await opening(), send)
        except TimeoutError:  # a provider's own timeout is one too
            if watch.is_gone:
                return
            if not limit.expired():
                raise
            message = f"The stream took longer than {seconds:g} seconds."
            raise OperationTimeout(message, key=self._stream.key) from None

    async def _send(self, answer: StreamAnswer, send: Send) -> None:
        start = {"status": answer.status, "headers": list_headers(answer.headers)}
        self._has_started = True
        await send({"type": "http.response.start", **start})
        if answer.pump is None or not answer.pump.left:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._send_blocks(answer.pump, send)

    async def _send_blocks(self, pump: Pump, send: Send) -> None:
        size = self._engine.app.settings.resolver_proxy_buffer_size
        left = pump.left
        while left:
            for piece in _split(await pump.read(), size):
                left -= len(piece)
                message = {"body": piece, "more_body": left > 0}
                await send({"type": "http.response.body", **message})
                self._sent += len(piece)
                pump.note_progress()
                self._keep_going()

    def _build_event(self) -> MediaServed:
        return MediaServed(
            storage_id=self._stream.storage_id,
            key=self._stream.key,
            user_id=self._stream.user_id,
            task_id=self._stream.task_id,
            mode="stream",
            length=self._sent,
        )


def _do_nothing() -> None:
    pass


def _put_off(limit: asyncio.Timeout, watch: ClientWatch) -> None:
    """Give a download as long as it moves."""
    if not watch.is_gone:
        limit.reschedule(asyncio.get_running_loop().time() + _IDLE_SECONDS)


def _split(block: bytes, size: int) -> Iterator[bytes | memoryview]:
    """A block in pieces of at most this size; they are parts of it, not copies."""
    if len(block) <= size:
        yield block
        return
    whole = memoryview(block)
    for start in range(0, len(block), size):
        yield whole[start : start + size]
