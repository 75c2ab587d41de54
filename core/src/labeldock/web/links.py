"""Addresses of this service, as browsers are to open them."""

from __future__ import annotations

from starlette.requests import Request

from labeldock.web.context import context_of


def build_address(request: Request, path: str) -> str:
    """The whole address of a path: by the operator's setting, or as we were asked."""
    public_url = context_of(request).app.settings.public_url
    return (public_url or str(request.base_url)).rstrip("/") + path
