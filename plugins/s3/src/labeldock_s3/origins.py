"""Whether a browser lets pages of an origin read what a signed URL leads to (CORS)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from labeldock.contract import InvalidKey, PresignRequest, Problem
from labeldock_s3.clients import S3Client
from labeldock_s3.sessions import guard_session
from labeldock_s3.signing import presign_object


def check_origin(client: S3Client, key: str, origin: str) -> Iterator[Problem]:
    """Read a byte of an object by a signed URL, as a page of that origin would."""
    try:
        signed = presign_object(client, PresignRequest(key, timedelta(minutes=1)))
    except InvalidKey:
        return  # objects like this are streamed through the application
    headers = _fetch_headers(client, signed.url, origin)
    if headers is None:
        yield Problem(
            "public_endpoint",
            "The public endpoint cannot be reached from here, so it was not checked "
            "whether pages may read from it.",
            "Open a task with media in a browser to see.",
            "cors_unchecked",
        )
    elif headers.get("access-control-allow-origin") not in {"*", origin}:
        yield Problem(
            "bucket",
            f"Browsers do not let pages of {origin} read signed URLs of the bucket.",
            "Add a CORS rule to the bucket that allows this origin the methods GET "
            "and HEAD and every header, or switch presign off.",
            "cors",
        )


def _fetch_headers(client: S3Client, url: str, origin: str) -> Any:
    """The headers of the answer; None if there is none."""
    # PLC0415: the SDK, on first use.
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415

    operator = client.operator
    browser = URLLib3Session(
        verify=True if client.verification is None else client.verification,
        timeout=(operator.connect_timeout, operator.read_timeout),
    )
    guard_session(browser, client.check_peer)
    asked = AWSRequest("GET", url, {"Origin": origin, "Range": "bytes=0-0"})
    try:
        return browser.send(asked.prepare()).headers
    except BotoCoreError:
        return None
    finally:
        browser.close()
