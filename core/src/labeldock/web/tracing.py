"""A span for each request, and a line at DEBUG; neither costs anything while it is off.

Spans are as OpenTelemetry's conventions for HTTP servers have them. Paths and queries
are left out: there are tokens, links and objects' names in them. What a reverse proxy
says of the trace that a request belongs to is believed.
"""

from __future__ import annotations

import os
import time
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeldock import telemetry, tracing
from labeldock.settings import Settings
from labeldock.tracing import Attributes, Carrier, Span

_PROPAGATORS: Final = "OTEL_PROPAGATORS"
_UNWATCHED: Final = {"/health", "/ready", "/metrics"}
_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_OTHER: Final = "HTTP"  # what the conventions call a span of an unknown method
_FAILED: Final = 500
_log = structlog.get_logger(__name__)


def list_watchers(settings: Settings) -> list[Middleware]:
    """What stands within the context of each request, if anybody wants to know."""
    watchers = [Middleware(RequestTracer)] if tracing.is_on() else []
    if settings.log_level.upper() == "DEBUG":
        watchers.append(Middleware(RequestLog))
    return watchers


class RequestLog:
    """One line for each request: its route, how it was answered, how long it took."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answer = time.perf_counter(), _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            _log.debug(
                "request_answered",
                method=_find_method(scope),
                route=_find_route(scope),
                status=answer.status,
                ms=round((time.perf_counter() - began) * 1000, 1),
            )


class _Answer:
    """Sees the status of an answer as it is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = _FAILED  # unless something else is said

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class RequestTracer:
    """Stands within the request's log context; there only while traces are on."""

    def __init__(self, app: ASGIApp) -> None:
        """Learn whether to believe what comes with requests."""
        self._app = app
        chosen = os.environ.get(_PROPAGATORS, "tracecontext").split(",")
        self._believes = "tracecontext" in {name.strip() for name in chosen}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in _UNWATCHED:
            await self._app(scope, receive, send)
            return
        answer, parent = _Answer(send), self._find_parent(scope)
        name, attributes = _find_method(scope), _describe(scope)
        with tracing.span(name, attributes, kind="server", parent=parent) as span:
            try:
                await self._app(scope, receive, answer.send)
            finally:
                _conclude(span, scope, answer.status)

    def _find_parent(self, scope: Scope) -> Carrier:
        if not self._believes:
            return {}
        headers = Headers(scope=scope)
        return {name: headers[name] for name in tracing.FIELDS if name in headers}


def _describe(scope: Scope) -> Attributes:
    method = _find_method(scope)
    return {
        "http.request.method": "_OTHER" if method == _OTHER else method,
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
        "labeldock.correlation_id": telemetry.find_correlation_id(),
    }


def _find_method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else _OTHER  # clients may send any word


def _find_route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", ""))


def _conclude(span: Span, scope: Scope, status: int) -> None:
    """Say which route it was, and how it ended; only the server's faults are errors."""
    span.note({"http.response.status_code": status})
    if route := _find_route(scope):
        span.note({"http.route": route})
        span.rename(f"{_find_method(scope)} {route}")
    if status >= _FAILED:
        span.fail(str(status))
