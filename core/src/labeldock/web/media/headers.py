"""The headers of streamed and redirected media."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from labeldock.contract.values import ContentRange, ObjectInfo, SignedUrl
from labeldock.services.resolving.conditions import Validators, render_date
from labeldock.services.resolving.content import (
    SAFE_HEADERS,
    choose_type,
    render_disposition,
)
from labeldock.services.resolving.media import Stream

_MARGIN: Final = 5  # seconds before its end at which a link is no longer kept
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))  # what a URL may hold as it is
# Of what a plain <img> was given, a page of another origin may not read a copy.
_BY_CALLER: Final = {"Vary": "Authorization, Cookie, Origin"}
_BY_LINK: Final = {"Vary": "Origin"}


def list_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]


def merge_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name in lower case; lines of one name are one list."""
    merged: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        merged[key] = f"{merged[key]}, {value}" if key in merged else value
    return merged


def build_redirect_headers(signed: SignedUrl, now: datetime) -> dict[str, str]:
    """The headers of a redirect, which is kept for as long as the URL is good."""
    seconds = int((signed.expires_at - now).total_seconds()) - _MARGIN
    return {
        "Location": quote(signed.url, safe=_ASCII),
        "Cache-Control": f"private, max-age={max(0, seconds)}",
        **_BY_CALLER,
    }


def build_cache_headers(
    stream: Stream, validators: Validators, seconds: int, now: datetime
) -> dict[str, str]:
    """What browsers need to keep an object and to ask whether it is still good."""
    if stream.ends_at is not None:
        seconds = min(seconds, max(0, int(stream.ends_at - now.timestamp())))
    headers = {
        "ETag": validators.etag,
        "Cache-Control": f"private, max-age={seconds}, must-revalidate",
    }
    headers |= _BY_CALLER if stream.user_id is not None else _BY_LINK
    if last_modified := render_date(validators.last_modified):
        headers["Last-Modified"] = last_modified
    return headers


def build_content_headers(
    stream: Stream, info: ObjectInfo, part: ContentRange | None
) -> dict[str, str]:
    """What the body is, how much of it there is, and that it is not to run."""
    kind = choose_type(info.key, stream.content_type or info.content_type)
    headers = {
        "Content-Type": kind,
        "Content-Disposition": stream.disposition or render_disposition(info.key, kind),
        "Content-Length": str(part.length if part else info.size),
        "Accept-Ranges": "bytes",
        **SAFE_HEADERS,
    }
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{part.total}"
    return headers
