"""The application put together: one table of routes, and what stands before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from labeldock.contract.errors import LabeldockError, NotAuthenticated
from labeldock.services.context import AppContext
from labeldock.services.media_journal import MediaJournal
from labeldock.web import console, metering
from labeldock.web.api import routes as api
from labeldock.web.authentication import find_address, require_login
from labeldock.web.context import context_of
from labeldock.web.cross_origin import list_middleware
from labeldock.web.media import media_routes, render_error, shows_media
from labeldock.web.metering import RequestMeter
from labeldock.web.middleware import (
    BodyLimit,
    ContextMiddleware,
    SecurityHeaders,
    SlashRule,
)
from labeldock.web.openapi import routes as openapi
from labeldock.web.problems import build_answer
from labeldock.web.rate_limits import RateLimits
from labeldock.web.rendering import render_json
from labeldock.web.tracing import list_watchers

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_app(app: AppContext, *, lifespan: Lifespan | None = None) -> Starlette:
    """The web application.

    Args:
        app: the parts; whoever opened them closes them.
        lifespan: what to start before the first request and stop after the last.
    """
    known: dict[Any, Any] = {
        LabeldockError: answer_error,
        HTTPException: answer_error,
    }
    journal = MediaJournal(app) if app.settings.audit_media else None
    rates = RateLimits(app.settings)
    return Starlette(
        routes=list_routes(app, journal),
        lifespan=_end(lifespan, journal, rates),
        exception_handlers=known,
        middleware=[
            Middleware(RequestMeter),
            Middleware(ContextMiddleware, parts=app, rates=rates),
            *list_watchers(app.settings),
            Middleware(SecurityHeaders, settings=app.settings),
            *list_middleware(app.settings),
            Middleware(
                ExceptionMiddleware, handlers={**known, Exception: answer_error}
            ),
            Middleware(BodyLimit, limit=app.settings.request_max_bytes),
            Middleware(SlashRule),
        ],
    )


def _end(
    lifespan: Lifespan | None, journal: MediaJournal | None, rates: RateLimits
) -> Lifespan:
    """Write at the end what is not written yet, while the database is still open."""

    @asynccontextmanager
    async def live(starlette: Starlette) -> AsyncIterator[None]:
        async with lifespan(starlette) if lifespan else nullcontext():
            try:
                yield
            finally:
                rates.close()
                if journal is not None:
                    await asyncio.to_thread(journal.write)

    return live


def list_routes(
    app: AppContext, journal: MediaJournal | None = None
) -> list[BaseRoute]:
    """Every route; what is not marked public stands behind the login."""
    # First, since a page of tasks asks for them by the hundred; nor are they counted.
    media = [require_login(r, is_counted=False) for r in media_routes(journal)]
    guarded = [
        *api.list_routes(app.catalog),
        *openapi.list_routes(),
        *console.list_routes(),
    ]
    return [
        *media,
        *map(require_login, guarded),
        *metering.list_routes(),  # which asks who it is by itself
        console.mount_static_files(),
    ]


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer any error: with a page where a person asks, else with JSON."""
    if isinstance(error, NotAuthenticated):
        address = find_address(request.scope)
        await context_of(request).rate_limits.count_stranger(address)
    answer = build_answer(error, context_of(request).correlation_id)
    if console.wants_page(request):
        return await console.render_problem(request, answer)
    if isinstance(error, LabeldockError) and shows_media(request.url.path):
        return render_error(error, context_of(request).correlation_id)
    return render_json(answer.body, answer.status, answer.headers)
