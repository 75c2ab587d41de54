"""Reading a blob, a range of it, or only what the service says of it.

The SDK reads whole windows of a blob into memory. Here its answer is taken from it when
the head has arrived, and the body is streamed from the connection: no more than a block
is held, and closing breaks a read off.
"""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from labeldock.contract import (
    ByteRange,
    ContentRange,
    IntegrityError,
    InvalidRange,
    NotSupported,
    ObjectBody,
    ObjectInfo,
    PreconditionFailed,
    ReadRequest,
    Unavailable,
)
from labeldock_azure.clients import AzureClient
from labeldock_azure.conditions import build_match
from labeldock_azure.errors import translate_errors
from labeldock_azure.keys import check_key
from labeldock_azure.listing import build_info

_NO_BYTE: Final = "No byte lies in the range."
_FOUND: Final = frozenset({200, 206})


def read_object(client: AzureClient, request: ReadRequest) -> ObjectBody:
    """Open a blob.

    Raises:
        InvalidRange: no byte lies in the range; carries the size.
        ObjectNotFound: there is none, whatever ETag was asked for.
    """
    blob = client.api.get_blob_client(check_key(request.key))
    try:
        return _read(client, blob, request)
    except PreconditionFailed:
        _look(blob, ReadRequest(request.key))  # is it another one, or none at all?
        raise


def _read(client: AzureClient, blob: Any, request: ReadRequest) -> ObjectBody:
    if request.metadata_only:
        return ObjectBody(_look(blob, request), None, io.BytesIO())
    if request.byte_range is None:
        return _open(client, blob, request, {})
    if _is_suffix_or_empty(request.byte_range):
        return _open_resolved(client, blob, request, request.byte_range)
    try:
        return _open(client, blob, request, _build_window(request.byte_range))
    except InvalidRange as error:
        size = error.size or _look(blob, request).size
        raise InvalidRange(_NO_BYTE, size=size, key=request.key) from error


def _look(blob: Any, request: ReadRequest) -> ObjectInfo:
    with translate_errors(request.key):
        properties = blob.get_blob_properties(**build_match(request.if_match))
    return build_info(request.key, properties)


def _is_suffix_or_empty(byte_range: ByteRange) -> bool:
    """Ranges that Azure does not know: the last bytes, and those that hold none."""
    first, last = byte_range.first, byte_range.last
    return first is None or (last is not None and last < first)


def _open_resolved(
    client: AzureClient, blob: Any, request: ReadRequest, byte_range: ByteRange
) -> ObjectBody:
    """Look how large it is, and read that version of it."""
    info = _look(blob, request)
    part = byte_range.resolve(info.size)
    if part is None:
        raise InvalidRange(_NO_BYTE, size=info.size, key=request.key)
    exact = ByteRange(part.first, part.last)
    same = ReadRequest(request.key, exact, if_match=info.etag)
    try:
        return _open(client, blob, same, _build_window(exact))
    except PreconditionFailed as error:
        if request.if_match:
            raise
        raise Unavailable("The blob was overwritten.", key=request.key) from error


def _build_window(byte_range: ByteRange) -> dict[str, int]:
    first, last = byte_range.first or 0, byte_range.last
    if last is None:
        return {"offset": first}
    return {"offset": first, "length": last - first + 1}


def _open(
    client: AzureClient, blob: Any, request: ReadRequest, window: dict[str, int]
) -> ObjectBody:
    answer = _fetch(blob, request, window)
    reader = BlobReader(client, answer.raw, request.key)
    try:
        return _build_body(request, answer.headers, reader)
    except BaseException:
        reader.close()
        raise


class _Arrived(Exception):
    """Carries an answer out of the SDK, before it reads the body."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer


def _fetch(blob: Any, request: ReadRequest, window: dict[str, int]) -> Any:
    """The answer of `requests`, with its body unread."""

    def take(response: Any) -> None:
        if response.http_response.status_code in _FOUND:
            raise _Arrived(response.http_response.internal_response)

    try:
        with translate_errors(request.key):
            blob.download_blob(
                **window, raw_response_hook=take, **build_match(request.if_match)
            )
    except _Arrived as arrived:
        return arrived.answer
    raise IntegrityError("The service gave no body.", key=request.key)


def _build_body(request: ReadRequest, headers: Any, reader: BlobReader) -> ObjectBody:
    given = _parse_content_range(headers.get("Content-Range"))
    size = given.total if given else int(headers.get("Content-Length", 0))
    modified = headers.get("Last-Modified")
    info = ObjectInfo(
        request.key,
        size,
        headers.get("ETag", "").strip('"'),
        parsedate_to_datetime(modified).astimezone(UTC) if modified else None,
        headers.get("Content-Type"),
    )
    if request.byte_range is None:
        return ObjectBody(info, None, reader)
    wanted = request.byte_range.resolve(size)
    if wanted is None:
        raise InvalidRange(_NO_BYTE, size=size, key=request.key)
    if (given or ContentRange(0, size - 1, size)) != wanted:
        raise NotSupported("The service ignores ranges.", key=request.key)
    return ObjectBody(info, wanted, reader)


def _parse_content_range(value: str | None) -> ContentRange | None:
    """A Content-Range header such as `bytes 0-99/1234` (RFC 9110, 14.4)."""
    if not value:
        return None
    span, _, total = value.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    try:
        return ContentRange(int(first), int(last), int(total))
    except ValueError:
        raise IntegrityError("The service's Content-Range cannot be read.") from None


class BlobReader:
    """The body of an answer; errors on the way are those of the contract."""

    def __init__(self, client: AzureClient, raw: Any, key: str) -> None:
        self._client = client  # its connections stay open as long as this is read
        self._raw = raw  # of urllib3
        self._key = key

    def read(self, size: int, /) -> bytes:
        wanted = None if size < 0 else size
        try:
            # As it is kept, even if it says that it is compressed.
            data: bytes = self._raw.read(wanted, decode_content=False)
        except Exception:
            with translate_errors(self._key):  # only now, since it is not for nothing
                raise
        return data

    def close(self) -> None:
        # A thread that is blocked in `read` holds the buffer that closing has to have:
        # wake it first. Without a connection there is nothing to wake.
        with suppress(ValueError, RuntimeError, OSError):
            self._raw.shutdown()
        self._raw.close()
        self._raw.release_conn()
