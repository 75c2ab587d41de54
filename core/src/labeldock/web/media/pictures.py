"""The answer to a request for a thumbnail."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from labeldock.contract.errors import LabeldockError, PreconditionFailed
from labeldock.contract.observers import MediaServed
from labeldock.services.resolving.conditions import (
    Outcome,
    Validators,
    build_etag,
    check_conditions,
)
from labeldock.services.resolving.content import SAFE_HEADERS
from labeldock.services.resolving.media import Stream, utc_now
from labeldock.services.resolving.thumbnails import THUMBNAIL_TYPE
from labeldock.web.context import context_of
from labeldock.web.media.answers import render_busy, render_error
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.headers import build_cache_headers, merge_headers
from labeldock.web.media.thumbnails import Thumbnail, TooMany

_CONTENT: Final = {
    "Content-Type": THUMBNAIL_TYPE,
    "Content-Disposition": "inline",
    **SAFE_HEADERS,
}


async def answer_thumbnail(
    engine: MediaEngine, stream: Stream, request: Request, size: int
) -> Response:
    """The thumbnail; or where to find the object itself, if it has none."""
    correlation_id = context_of(request).correlation_id
    try:
        found = await engine.thumbnails.find(stream, size)
        if not found.data:
            return _redirect_to_object(request)
        response = _render(engine, stream, request, found)
    except TooMany:
        return render_busy(correlation_id)
    except LabeldockError as error:
        return render_error(error, correlation_id)
    if response.status_code == 200:
        await engine.announce(_build_event(stream, len(found.data)))
    return response


def _render(
    engine: MediaEngine, stream: Stream, request: Request, found: Thumbnail
) -> Response:
    etag = build_etag(found.name, stream.viewer)
    validators = Validators(etag, found.info.last_modified)
    seconds = engine.app.settings.resolver_proxy_cache_timeout
    headers = build_cache_headers(stream, validators, seconds, utc_now())
    match check_conditions(merge_headers(request.headers.items()), validators):
        case Outcome.NOT_MODIFIED:
            return Response(status_code=304, headers=headers)
        case Outcome.FAILED:
            raise PreconditionFailed("The picture has changed.", key=found.info.key)
        case Outcome.SEND:
            length = {"Content-Length": str(len(found.data))}
            body = b"" if request.method == "HEAD" else found.data
            return Response(body, headers=headers | _CONTENT | length)


def _redirect_to_object(request: Request) -> Response:
    fileuri = quote(request.query_params["fileuri"], safe="")
    return Response(
        status_code=303,
        headers={"Location": f"?fileuri={fileuri}", "Cache-Control": "private"},
    )


def _build_event(stream: Stream, length: int) -> MediaServed:
    return MediaServed(
        storage_id=stream.storage_id,
        key=stream.key,
        user_id=stream.user_id,
        task_id=stream.task_id,
        mode="thumbnail",
        length=length,
    )
