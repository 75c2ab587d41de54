"""Answering when a run has ended, for scripts that read its tasks right after.

Whoever waits holds no thread: the event loop looks after the run now and then.
"""

from __future__ import annotations

import math
import time
from typing import Annotated, Final

import anyio
from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from labeldock.contract.errors import InvalidInput
from labeldock.services import runs
from labeldock.services.context import AppContext
from labeldock.web.endpoints import Call
from labeldock.web.fields import parse_number
from labeldock.web.inputs import Query

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_SECONDS: Final = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "boolean"}]}
_FLAGS: Final = {"true", "yes", "on"}


def _parse_wait(value: object) -> float:
    text = str(value).lower()
    if text in _FLAGS:
        return math.inf
    seconds = 0.0 if text in {"false", "no", "off"} else parse_number(text, "wait")
    if seconds is None or not seconds >= 0:
        raise InvalidInput(
            "A number of seconds is required.",
            remedy="Give a number such as 30, or true for as long as may be.",
        )
    return seconds


class WaitQuery(Query):
    """How long an answer may be waited for."""

    wait: Annotated[
        float | None, BeforeValidator(_parse_wait), WithJsonSchema(_SECONDS)
    ] = Field(
        default=None,
        description="Seconds to wait for the end; true: as long as may be.",
    )

    def choose(self, app: AppContext) -> float:
        """Seconds to wait, or what the operator has set; nobody waits longer."""
        settings = app.settings
        wanted = settings.sync_wait if self.wait is None else self.wait
        return min(wanted, settings.sync_wait_limit)


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
