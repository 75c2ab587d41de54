"""Requests counted and measured, and the page that Prometheus reads."""

from __future__ import annotations

import hmac
import time
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeldock import metrics
from labeldock.contract.errors import NotAllowed
from labeldock.services.backlog import BacklogCollector
from labeldock.services.context import AppContext
from labeldock.services.quotas.metering import LimitCollector
from labeldock.web.authentication import identify, read_token
from labeldock.web.context import context_of
from labeldock.web.operations import Content, Need, operation

PATH: Final = "/metrics"
STREAMED: Final = "labeldock_streamed"
"""A request with this in its scope takes as long as its client likes."""
_NO_ROUTE: Final = "none"


class RequestMeter:
    """Counts each answer by its route, and measures those that are no streams."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before everything."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            _note(scope, status, time.perf_counter() - began)


def _note(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", _NO_ROUTE)
    metrics.REQUESTS.labels(route, _name_method(scope["method"]), str(status)).inc()
    if not scope.get(STREAMED):
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)


def _name_method(method: str) -> str:
    return method if method in _METHODS else "other"  # clients may send any word


_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def list_routes() -> list[Route]:
    """The page."""
    return [Route(PATH, show_metrics, methods=["GET"], name=PATH)]


@operation(Need.ADMIN, Content({"text/plain": str}, "Prometheus' text format."))
async def show_metrics(request: Request) -> Response:
    """What the web processes of this machine count, and what waits to be done.

    For the bearer of LABELDOCK_METRICS_TOKEN, and for administrators.
    """
    app = context_of(request).app
    if not _brings_token(app, request):
        caller = await identify(request)
        if not caller.is_admin:
            raise NotAllowed("Only administrators may see the metrics.")
    collectors = BacklogCollector(app), LimitCollector(app)
    text = await run_in_threadpool(metrics.render, *collectors)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _brings_token(app: AppContext, request: Request) -> bool:
    wanted = app.settings.metrics_token.get_secret_value()
    given = read_token(request)
    return bool(wanted and given) and hmac.compare_digest(
        wanted.encode(), (given or "").encode()
    )
