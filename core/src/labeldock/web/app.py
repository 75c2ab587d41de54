"""The application put together: one table of routes, and what stands before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from labeldock.contract.errors import LabeldockError
from labeldock.services.context import AppContext
from labeldock.web import console
from labeldock.web.api import routes as api
from labeldock.web.authentication import require_login
from labeldock.web.context import context_of
from labeldock.web.cross_origin import list_middleware
from labeldock.web.media import media_routes, render_error, shows_media
from labeldock.web.middleware import (
    BodyLimit,
    ContextMiddleware,
    SecurityHeaders,
    SlashRule,
)
from labeldock.web.problems import build_answer
from labeldock.web.rendering import render_json

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
    return Starlette(
        routes=list_routes(app),
        lifespan=lifespan,
        exception_handlers=known,
        middleware=[
            Middleware(ContextMiddleware, parts=app),
            Middleware(SecurityHeaders),
            *list_middleware(app.settings),
            Middleware(
                ExceptionMiddleware, handlers={**known, Exception: answer_error}
            ),
            Middleware(BodyLimit),
            Middleware(SlashRule),
        ],
    )


def list_routes(app: AppContext) -> list[BaseRoute]:
    """Every route; what is not marked public stands behind the login."""
    guarded: list[Route] = [
        *media_routes(),  # first, since a page of tasks asks for them by the hundred
        *api.list_routes(app.catalog),
        *console.list_routes(),
    ]
    return [*map(require_login, guarded), console.mount_static_files()]


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer any error: with a page where a person asks, else with JSON."""
    answer = build_answer(error, context_of(request).correlation_id)
    if console.wants_page(request):
        return console.render_problem(request, answer)
    if isinstance(error, LabeldockError) and shows_media(request.url.path):
        return render_error(error, context_of(request).correlation_id)
    return render_json(answer.body, answer.status, answer.headers)
