"""Reading an object, a range of it, or only what the server says of it.

Bytes are those that are stored: an object with `Content-Encoding: gzip` is not
unpacked on the way, since its size and its ranges are those of the packed bytes.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from labeldock.contract import (
    ByteRange,
    ContentRange,
    InvalidRange,
    ObjectBody,
    ObjectInfo,
    ReadRequest,
    StorageError,
)
from labeldock_gcs.bodies import BodyReader
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.conditions import parse_generation
from labeldock_gcs.errors import READING, translate_errors
from labeldock_gcs.keys import check_key


def read_object(client: GcsClient, request: ReadRequest) -> ObjectBody:
    """Open an object; the reader streams it from the connection.

    Raises:
        InvalidRange: no byte lies in the range; carries the size.
    """
    check_key(request.key)
    if request.metadata_only:
        return ObjectBody(_load_info(client, request), None, io.BytesIO())
    try:
        with translate_errors(READING, request.key):
            answer = client.repeat(lambda: _open(client, request))
    except InvalidRange as error:
        raise _with_size(client, request, error) from error
    try:
        return _build_body(request, answer)
    except StorageError:
        answer.close()
        raise
    except (KeyError, ValueError) as error:
        answer.close()
        raise StorageError(
            "What answers is not Cloud Storage.",
            key=request.key,
            field="gcs_endpoint",
            remedy="Check the endpoint.",
        ) from error


def render_range(byte_range: ByteRange) -> str:
    """A Range header (RFC 9110, 14.2)."""
    first = "" if byte_range.first is None else byte_range.first
    last = "" if byte_range.last is None else byte_range.last
    return f"bytes={first}-{last}"


def parse_content_range(value: str | None) -> ContentRange | None:
    """A Content-Range header such as `bytes 0-99/1234` (RFC 9110, 14.4)."""
    if not value:
        return None
    span, _, total = value.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    return ContentRange(int(first), int(last), int(total))


def _load_info(client: GcsClient, request: ReadRequest) -> ObjectInfo:
    blob = client.open_blob(request.key)
    generation = parse_generation(request.if_match)
    with translate_errors(READING, request.key):
        blob.reload(if_generation_match=generation, **client.limits())
    etag = str(blob.generation)
    return ObjectInfo(request.key, blob.size, etag, blob.updated, blob.content_type)


def _open(client: GcsClient, request: ReadRequest) -> Any:
    from google.api_core.exceptions import from_http_response  # noqa: PLC0415  SDK

    headers = {"Accept-Encoding": "gzip"}  # else Google would unpack it
    if request.byte_range is not None:
        headers["Range"] = render_range(request.byte_range)
    parameters: dict[str, Any] = {"alt": "media"}
    if request.if_match is not None:
        parameters["ifGenerationMatch"] = parse_generation(request.if_match)
    answer = client.session.get(
        f"{client.options.endpoint}/download/storage/v1/b/{quote(client.bucket)}"
        f"/o/{quote(request.key, safe='~')}",
        params=parameters,
        headers=headers,
        stream=True,
        timeout=client.timeout,
    )
    if answer.status_code not in {200, 206}:
        raise from_http_response(answer)
    return answer


def _build_body(request: ReadRequest, answer: Any) -> ObjectBody:
    headers = answer.headers
    part = parse_content_range(headers.get("Content-Range"))
    stored = headers.get("X-Goog-Stored-Content-Length") or headers["Content-Length"]
    size = part.total if part else int(stored)
    info = _build_info(request.key, headers, size)
    if request.byte_range is not None and part is None:
        part = _accept_whole(request.byte_range, info)
    return ObjectBody(info, part, BodyReader(answer, request.key, part, size))


def _accept_whole(byte_range: ByteRange, info: ObjectInfo) -> ContentRange:
    """The server sent all of it; that is right only if all of it was asked for."""
    wanted = byte_range.resolve(info.size)
    if wanted is None:
        raise InvalidRange("No byte lies in the range.", size=info.size, key=info.key)
    if wanted.length != info.size:
        raise StorageError("The server does not give out ranges.", key=info.key)
    return wanted


def _build_info(key: str, headers: Any, size: int) -> ObjectInfo:
    return ObjectInfo(
        key,
        size,
        headers["X-Goog-Generation"],
        _parse_time(headers.get("Last-Modified")),
        headers.get("Content-Type"),
    )


def _parse_time(value: str | None) -> datetime | None:
    return parsedate_to_datetime(value).astimezone(UTC) if value else None


def _with_size(
    client: GcsClient, request: ReadRequest, error: InvalidRange
) -> InvalidRange:
    info = _load_info(client, ReadRequest(request.key))
    return InvalidRange(error.message, size=info.size, key=request.key)
