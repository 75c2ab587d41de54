"""A client that goes away ends the work for it, by bringing its time limit forward."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from starlette.types import Receive

_GRACE: Final = 0.25  # seconds; most answers are sent by then, and nobody need watch


class ClientWatch:
    """Stands within a time limit: `async with limit, ClientWatch(receive, limit):`.

    Attributes:
        is_gone: whether the client went away, which is why the limit was reached.
    """

    def __init__(self, receive: Receive, limit: asyncio.Timeout) -> None:
        """Prepare to watch the client that messages come from."""
        self._receive = receive
        self._limit = limit
        self._watching: asyncio.Task[None] | None = None
        self.is_gone = False

    async def __aenter__(self) -> Self:
        """Watch from a moment later on."""
        self._timer = asyncio.get_running_loop().call_later(_GRACE, self._begin)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no more."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._limit.expired():
            self.is_gone = True
            self._limit.reschedule(asyncio.get_running_loop().time())
