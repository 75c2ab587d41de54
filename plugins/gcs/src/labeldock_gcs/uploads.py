"""Resumable uploads: a session, blocks of 8 MiB, and a question after each failure.

The SDK's own sends a block again without asking how much of it arrived, and holds
100 MB of it in memory (cloud.google.com/storage/docs/performing-resumable-uploads).
"""

from __future__ import annotations

import base64
import contextlib
from typing import Any, Final

from labeldock.contract import (
    IntegrityError,
    StorageError,
    Unavailable,
    WriteRequest,
)
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.conditions import build_condition
from labeldock_gcs.contents import read_block, wrong_size
from labeldock_gcs.errors import WRITING, translate_errors

LARGE: Final = 8 * 1024 * 1024
"""From here on, and the size of a block: a multiple of 256 KiB."""

_DONE: Final = frozenset({200, 201})
_GO_ON: Final = 308


def upload_large(client: GcsClient, request: WriteRequest) -> str:
    """Upload the content; the generation that it got.

    Raises:
        IntegrityError: the content is not as long as it says; nothing was written.
    """
    blob = client.open_blob(request.key)
    with translate_errors(WRITING, request.key):
        url = blob.create_resumable_upload_session(
            content_type=request.content_type,
            size=request.content.size,
            if_generation_match=build_condition(request.condition),
            checksum=None,
            **client.limits(),
        )
        upload = _Upload(client, url, request.content.size)
        try:
            return _send_blocks(upload, request)
        except BaseException:
            upload.cancel()
            raise


def _send_blocks(upload: _Upload, request: WriteRequest) -> str:
    size = request.content.size
    answer: dict[str, Any] = {}
    with request.content.open() as stream:
        while upload.sent < size:
            wanted = min(LARGE, size - upload.sent)
            block = read_block(stream, wanted)
            is_last = upload.sent + len(block) == size
            # Looked at before the last block is sent, which makes the object.
            if len(block) < wanted or (is_last and stream.read(1)):
                raise wrong_size(request)
            answer = upload.send(block)
    if int(answer.get("size", size)) != size:
        raise IntegrityError("The server took less than all.", key=request.key)
    return str(answer["generation"])


class _Upload:
    """One session at the server: how far it is, and what to send next.

    Attributes:
        sent: how many bytes have arrived for good.
    """

    def __init__(self, client: GcsClient, url: str, size: int) -> None:
        import google_crc32c  # noqa: PLC0415  a part of the SDK

        self.sent = 0
        self._client = client
        self._url = url
        self._size = size
        self._checksum = google_crc32c.Checksum()
        self._is_sure = True

    def send(self, block: bytes) -> dict[str, Any]:
        """Send a block until all of it is there; the object after the last, else {}."""
        self._checksum.update(block)
        start, end = self.sent, self.sent + len(block)
        answer: dict[str, Any] = {}
        while self.sent < end:
            before = self.sent
            answer = self._client.repeat(lambda: self._step(block, start))
            if self.sent <= before or self.sent > end:
                raise Unavailable("The server has lost a part of the upload.")
        return answer

    def cancel(self) -> None:
        """Have the server forget it; it would in a week."""
        with contextlib.suppress(StorageError), translate_errors(WRITING):
            self._client.session.delete(self._url, timeout=self._client.timeout)

    def _step(self, block: bytes, start: int) -> dict[str, Any]:
        """Send what is missing of a block, after asking where that is if need be."""
        if not self._is_sure:
            answer = self._put(b"", f"bytes */{self._size}")
            if not start <= self.sent < start + len(block):
                return answer
        rest = block[self.sent - start :]
        last = start + len(block) - 1
        return self._put(rest, f"bytes {self.sent}-{last}/{self._size}")

    def _put(self, data: bytes, content_range: str) -> dict[str, Any]:
        from google.api_core.exceptions import from_http_response  # noqa: PLC0415  SDK

        self._is_sure = False
        headers = {"Content-Range": content_range}
        if data and content_range.endswith(f"-{self._size - 1}/{self._size}"):
            digest = base64.b64encode(self._checksum.digest()).decode()
            headers["X-Goog-Hash"] = f"crc32c={digest}"
        answer = self._client.session.put(
            self._url, data=data, headers=headers, timeout=self._client.timeout
        )
        if answer.status_code in _DONE:
            self.sent = self._size
            result: dict[str, Any] = answer.json()
        elif answer.status_code == _GO_ON:
            _, _, last = answer.headers.get("Range", "").rpartition("-")
            self.sent = int(last) + 1 if last else 0
            result = {}
        else:
            raise from_http_response(answer)
        self._is_sure = True
        return result
