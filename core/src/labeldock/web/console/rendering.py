"""Templates filled in; every value is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from labeldock.web.console import wording
from labeldock.web.console.notes import drop_note, read_note
from labeldock.web.console.shell import Shell, load_shell
from labeldock.web.context import context_of
from labeldock.web.middleware import allow_own_scripts
from labeldock.web.release import VERSION

_FILTERS: Final = {
    "age": wording.render_ago,
    "bytes": wording.render_bytes,
    "clip": wording.clip,
    "duration": wording.render_duration,
    "number": wording.render_number,
    "plural": wording.count_things,
    "time": wording.render_time,
    "utc": wording.render_utc,
}


def render_page(
    request: Request,
    template: str,
    values: dict[str, Any],
    *,
    shell: Shell | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A page for whoever asks; with the note that the last form left for it."""
    note = read_note(request)
    text = render_text(
        template,
        {
            "user": context_of(request).user,
            "version": VERSION,
            "shell": shell or load_shell(request),
            "note": note,
            "address": request.url.path,
            **values,
        },
    )
    usual = {"Cache-Control": "no-store", **allow_own_scripts()}
    response = HTMLResponse(text, status, headers={**usual, **(headers or {})})
    if note is not None:
        drop_note(request, response)
    return response


def render_text(template: str, values: dict[str, Any]) -> str:
    """A template's text alone, e.g. of a part of a page that is sent by itself."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("labeldock.web.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    return environment
