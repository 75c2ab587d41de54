"""Answering when a run has ended, for scripts that read its tasks right after.

Whoever waits holds no thread: the event loop looks after the run now and then.
"""

from __future__ import annotations

import time
from typing import Final

import anyio
from starlette.concurrency import run_in_threadpool

from labeldock.contract.errors import InvalidInput
from labeldock.services import runs
from labeldock.web.endpoints import Call
from labeldock.web.fields import parse_number

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_FLAGS: Final = {"true", "yes", "on"}


def read_wait(call: Call) -> float:
    """Seconds that a request wants to wait, or that the operator has set; 0: none.

    `wait=true` waits as long as may be; nobody waits longer.

    Raises:
        InvalidInput: it is no number of seconds.
    """
    settings = call.app.settings
    text = call.query_text("wait")
    if text is None:
        return min(settings.sync_wait, settings.sync_wait_limit)
    if text.lower() in _FLAGS:
        return settings.sync_wait_limit
    seconds = (
        0.0 if text.lower() in {"false", "no", "off"} else parse_number(text, "wait")
    )
    if seconds is None or not 0 <= seconds < float("inf"):
        raise InvalidInput(
            "A number of seconds is required.",
            field="wait",
            remedy="Give a number such as 30, or true for as long as may be.",
        )
    return min(seconds, settings.sync_wait_limit)


async def wait_for_end(call: Call, run_id: int, seconds: float) -> None:
    """Return when a run has ended, the time is up, or nobody waits any more."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while await run_in_threadpool(runs.is_active, call.app, run_id):
        left = deadline - time.monotonic()
        if left <= 0 or await call.request.is_disconnected():
            return
        await anyio.sleep(min(pause, left))
        pause = min(1.5 * pause, _LONGEST_PAUSE)
