"""The GET of an object after the first, and the PUT of one, by a wire of their own."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from labeldock_s3.wires import Wire

_FOUND: Final = frozenset({200, 206})


class Fetcher:
    """Gets objects as boto3 got one."""

    def __init__(self, api: Any, credentials: Any, attempts: int) -> None:
        """As for a wire."""
        self._wire = Wire(api, credentials, attempts, "GetObject", "GET")

    def fetch(self, key: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """What boto3's `get_object` would answer; None if that is to be asked.

        Raises:
            BotoCoreError: no answer came.
        """
        response = self._wire.send(key, headers)
        if response is None:
            return None
        if response.status in _FOUND and "content-length" in response.headers:
            return _build_answer(response)
        self._wire.drop(response)
        return None


class Sender:
    """Puts small objects as boto3 put one."""

    def __init__(self, api: Any, credentials: Any, attempts: int) -> None:
        """As for a wire."""
        self._wire = Wire(api, credentials, attempts, "PutObject", "PUT")

    def send(
        self, key: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any] | None:
        """What boto3's `put_object` would answer; None if that is to be asked.

        Where it gives None, boto3 may write the object again.

        Raises:
            BotoCoreError: no answer came.
        """
        response = self._wire.send(key, headers, body)
        if response is None:
            return None
        if 200 <= response.status < 300 and "etag" in response.headers:
            found = response.headers
            return {"ETag": found["etag"], "VersionId": found.get("x-amz-version-id")}
        self._wire.drop(response)
        return None


def _build_answer(response: Any) -> dict[str, Any]:
    from botocore.response import StreamingBody  # noqa: PLC0415  the SDK, on first use

    headers = response.headers
    modified = headers.get("last-modified")
    return {
        "Body": StreamingBody(response, headers["content-length"]),
        "ContentLength": int(headers["content-length"]),
        "ContentRange": headers.get("content-range"),
        "ETag": headers.get("etag", ""),
        "LastModified": parsedate_to_datetime(modified) if modified else None,
        "ContentType": headers.get("content-type"),
    }
