"""A run's page as server-sent events: the part that changes, whenever it has changed.

A stream ends after a minute, and the browser asks again: so nobody goes on reading
whose session has ended, and a server that restarts is found again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from labeldock.services import run_reports
from labeldock.services.run_reports import RunReport
from labeldock.web.console.rendering import render_text
from labeldock.web.endpoints import Call

SECONDS: Final = 60.0
_PAUSE: Final = 1.0
_AGAIN: Final = 2000  # milliseconds after which a browser asks again


def build_stream(
    call: Call, run_id: int, describe: Callable[[RunReport], dict[str, Any]]
) -> StreamingResponse:
    """The events of a run; `describe` says what its template is filled with."""

    def render() -> tuple[str, bool]:
        report = run_reports.load_report(call.app, call.principal, run_id)
        text = render_text("run_part.html", describe(report))
        return text, report.run.is_active

    return StreamingResponse(
        _iterate(render),
        media_type="text/event-stream",
        # Proxies that gather an answer before they pass it on are told not to.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _iterate(render: Callable[[], tuple[str, bool]]) -> AsyncIterator[str]:
    until, sent = time.monotonic() + SECONDS, ""
    yield f"retry: {_AGAIN}\n\n"
    while time.monotonic() < until:
        text, is_active = await run_in_threadpool(render)
        if text != sent:
            yield _encode("part", text)
            sent = text
        if not is_active:
            yield _encode("end", "")
            return
        await anyio.sleep(_PAUSE)


def _encode(event: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {event}\n{lines}\n"
