"""Whether a browser lets pages of an origin read what a signed URL leads to (CORS)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from labeldock.contract import InvalidKey, NotSupported, PresignRequest, Problem
from labeldock_azure.clients import AzureClient
from labeldock_azure.signing import presign_object


def check_origin(client: AzureClient, key: str, origin: str) -> Iterator[Problem]:
    """Read a byte of a blob by a signed URL, as a page of that origin would."""
    try:
        signed = presign_object(client, PresignRequest(key, timedelta(minutes=1)))
    except (InvalidKey, NotSupported):
        return  # blobs like this are streamed through the application
    headers = _fetch_headers(client, signed.url, origin)
    if headers is None:
        yield Problem(
            "public_endpoint",
            "The public endpoint cannot be reached from here, so it was not checked "
            "whether pages may read from it.",
            "Open a task with media in a browser to see.",
            "cors_unchecked",
        )
    elif headers.get("Access-Control-Allow-Origin") not in {"*", origin}:
        yield Problem(
            "container",
            f"Browsers do not let pages of {origin} read signed URLs of the account.",
            "Add a CORS rule for the account's blob service that allows this origin "
            "the methods GET and HEAD and every header, or switch presign off.",
            "cors",
        )


def _fetch_headers(client: AzureClient, url: str, origin: str) -> Any:
    """The headers of the answer; None if there is none."""
    import requests  # noqa: PLC0415  the SDK stands on it, on first use

    operator = client.operator
    limits = (operator.connect_timeout, operator.read_timeout)
    asked = {"Origin": origin, "Range": "bytes=0-0"}
    try:
        with (
            client.build_session() as browser,
            browser.get(
                url, headers=asked, timeout=limits, stream=True, allow_redirects=False
            ) as answer,
        ):
            return answer.headers
    except requests.RequestException:
        return None
