"""Templates filled in; every value is escaped."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from labeldock.web.context import context_of
from labeldock.web.release import VERSION
from labeldock.web.times import render_age, render_time


def render_page(
    request: Request,
    template: str,
    values: dict[str, Any],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A page for whoever asks."""
    text = (
        _environment()
        .get_template(template)
        .render(user=context_of(request).user, version=VERSION, **values)
    )
    return HTMLResponse(
        text, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("labeldock.web.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["age"] = _render_ago
    environment.filters["time"] = render_time
    environment.filters["number"] = _render_number
    return environment


def _render_ago(since: datetime) -> str:
    age = render_age(since)
    return "just now" if age.startswith("0") else f"{age} ago"


def _render_number(value: int) -> str:
    """A number with thin spaces, which do not break, between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
