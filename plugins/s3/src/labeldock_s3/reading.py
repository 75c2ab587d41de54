"""Reading an object, a range of it, or only what the server says of it."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC
from typing import Any, Final

from labeldock.contract import (
    ByteRange,
    ContentRange,
    IntegrityError,
    InvalidRange,
    NotSupported,
    ObjectBody,
    ObjectInfo,
    ReadRequest,
)
from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_key
from labeldock_s3.looking import look_at

_HEADERS: Final = {"IfMatch": "If-Match", "Range": "Range"}
_NO_BYTE: Final = "No byte lies in the range."


def read_object(client: S3Client, request: ReadRequest) -> ObjectBody:
    """Open an object; the reader streams it from the connection.

    Raises:
        InvalidRange: no byte lies in the range; carries the size.
    """
    check_key(request.key)
    if request.metadata_only:
        info = _look(client, request)
        return ObjectBody(info, None, io.BytesIO())
    if request.byte_range is not None and _is_empty(request.byte_range):
        info = _look(client, request)
        raise InvalidRange(_NO_BYTE, size=info.size, key=request.key)
    return _open(client, request)


def _look(client: S3Client, request: ReadRequest) -> ObjectInfo:
    answer = look_at(client, request.key, **_build_condition(request))
    return _build_info(request.key, answer, answer["ContentLength"])


def _build_condition(request: ReadRequest) -> dict[str, str]:
    return {"IfMatch": f'"{request.if_match}"'} if request.if_match else {}


def _is_empty(byte_range: ByteRange) -> bool:
    """Whether it can hold no byte; servers take it for no range, or for a bad one."""
    first, last = byte_range.first, byte_range.last
    if first is None:
        return not last
    return last is not None and last < first


def _open(client: S3Client, request: ReadRequest) -> ObjectBody:
    arguments = _build_condition(request)
    if request.byte_range is not None:
        arguments["Range"] = _render_range(request.byte_range)
    try:
        with translate_errors(request.key):
            answer = _ask(client, request.key, arguments)
    except InvalidRange as error:
        size = error.size or _look(client, request).size
        raise InvalidRange(_NO_BYTE, size=size, key=request.key) from error
    reader = BodyReader(client, answer["Body"], request.key)
    try:
        return _build_body(request, answer, reader)
    except BaseException:
        reader.close()
        raise


def _ask(client: S3Client, key: str, arguments: dict[str, str]) -> dict[str, Any]:
    headers = {_HEADERS[name]: value for name, value in arguments.items()}
    fetched = client.fetcher.fetch(key, headers)
    if fetched is not None:
        return fetched
    answer: dict[str, Any] = client.api.get_object(
        Bucket=client.bucket, Key=key, **arguments
    )
    return answer


def _render_range(byte_range: ByteRange) -> str:
    """A Range header (RFC 9110, 14.2)."""
    first = "" if byte_range.first is None else byte_range.first
    last = "" if byte_range.last is None else byte_range.last
    return f"bytes={first}-{last}"


def _build_body(
    request: ReadRequest, answer: dict[str, Any], reader: BodyReader
) -> ObjectBody:
    part = _parse_content_range(answer.get("ContentRange"))
    size = part.total if part else answer["ContentLength"]
    info = _build_info(request.key, answer, size)
    if request.byte_range is not None and part is None:
        part = _accept_whole(request.byte_range, info)
    return ObjectBody(info, part, reader)


def _accept_whole(byte_range: ByteRange, info: ObjectInfo) -> ContentRange:
    """The server sent all of it; that is right only if all of it was asked for."""
    wanted = byte_range.resolve(info.size)
    if wanted is None:
        raise InvalidRange(_NO_BYTE, size=info.size, key=info.key)
    if wanted.length != info.size:
        raise NotSupported(
            "The server ignores ranges.", key=info.key, field="s3_endpoint"
        )
    return wanted


def _parse_content_range(value: str | None) -> ContentRange | None:
    """A Content-Range header such as `bytes 0-99/1234` (RFC 9110, 14.4)."""
    if not value:
        return None
    span, _, total = value.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    try:
        return ContentRange(int(first), int(last), int(total))
    except ValueError:
        raise IntegrityError("The server's Content-Range cannot be read.") from None


def _build_info(key: str, answer: dict[str, Any], size: int) -> ObjectInfo:
    modified = answer.get("LastModified")
    return ObjectInfo(
        key,
        size,
        answer.get("ETag", "").strip('"'),
        modified.astimezone(UTC) if modified else None,
        answer.get("ContentType"),
    )


class BodyReader:
    """The body of an answer; errors on the way are those of the contract."""

    def __init__(self, client: S3Client, body: Any, key: str) -> None:
        self._client = client  # its connections stay open as long as this is read
        self._body = body
        self._key = key

    def read(self, size: int, /) -> bytes:
        try:
            data: bytes = self._body.read(None if size < 0 else size)
        except Exception:
            with translate_errors(self._key):  # only now, since it is not for nothing
                raise
        return data

    def close(self) -> None:
        raw = self._body._raw_stream  # noqa: SLF001  what boto3 itself closes
        # A thread that is blocked in `read` holds the buffer that closing has to have:
        # wake it first. Without a connection there is nothing to wake.
        with suppress(ValueError, RuntimeError, OSError):
            raw.shutdown()
        raw.close()
        raw.release_conn()
