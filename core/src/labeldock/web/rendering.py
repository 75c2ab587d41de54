"""JSON responses: times in UTC with microseconds, nothing kept by caches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from labeldock.web.times import render_time


def render_json(
    content: Any,  # whatever JSON knows, and times
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON answer."""
    return Response(
        dump_json(content),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )


def render_nothing() -> Response:
    """The answer to a deletion."""
    return Response(status_code=204)


def dump_json(content: Any) -> bytes:  # as in render_json
    """JSON text; data of tasks may hold integers and nesting beyond orjson's."""
    options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(content, default=_render_other, option=options)
    except orjson.JSONEncodeError:
        text = json.dumps(
            content,
            default=_render_other,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        )
        return text.encode()


def _render_other(value: object) -> str:
    if isinstance(value, datetime):
        return render_time(value)
    raise TypeError(type(value).__name__)
