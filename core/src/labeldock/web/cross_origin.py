"""Pages of other origins that may use the API and its media (CORS): those listed."""

from __future__ import annotations

from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from labeldock.settings import Settings

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ASKED: Final = (
    "Authorization", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match",
    "If-Range", "Range", "X-API-Key", "X-Correlation-Id",
)  # fmt: skip
_TOLD: Final = (
    "Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag",
    "Last-Modified", "Retry-After", "X-Correlation-Id",
)  # fmt: skip
_SECONDS: Final = 600


def list_middleware(settings: Settings) -> list[Middleware]:
    """What answers preflight requests and lets pages read answers; nothing by default.

    Origins are always listed one by one, never `*`, since cookies may come along.
    """
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=_ASKED,
            expose_headers=_TOLD,
            max_age=_SECONDS,
        )
    ]
