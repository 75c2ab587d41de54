"""Requests for objects, sent without what boto3 does around each of them.

For each object anew boto3 validates the parameters, resolves the endpoint, renders its
user agent, and parses the answer by the description of the service, which takes most
of the time of a small one. What it sent for an earlier object is remembered, and the
next request is made alike. Whatever comes back that is not a plain success is left to
boto3, which asks again: it knows every error and every redirection.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from labeldock_s3.connections import Server, find_server
from labeldock_s3.signatures import ALGORITHM, Request, Signer

_LONGEST_PAUSE: Final = 20.0  # seconds; as boto3's standard mode of retries has it
_ELSEWISE: Final = frozenset(
    {
        "x-amz-s3session-token",
        "x-amz-checksum-mode",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-trailer",
    }
)
"""Headers of requests that are signed, or checked, in other ways."""


class Way(NamedTuple):
    """How objects are asked for.

    Attributes:
        server: where they are.
        folder: what precedes the quoted key in the path.
        agent: the user agent.
        signer: None to send no signature.
    """

    server: Server
    folder: str
    agent: str
    signer: Signer | None


class Wire:
    """Sends the requests of one operation with the connections of a client of boto3."""

    def __init__(
        self, api: Any, credentials: Any, attempts: int, operation: str, method: str
    ) -> None:
        """Watch how the client does it.

        Args:
            api: a client of boto3, which has no useful type.
            credentials: of botocore; None for anonymous.
            attempts: how often to try where no answer comes.
            operation: what boto3 calls it, as `GetObject`.
            method: of HTTP.
        """
        self._session = api._endpoint.http_session  # noqa: SLF001  there is no public one
        self._credentials = credentials
        self._attempts = attempts
        self._method = method
        self._way: Way | None = None
        self._asked = threading.local()
        api.meta.events.register(f"before-send.s3.{operation}", self._learn)

    def send(self, key: str, headers: Mapping[str, str], body: bytes = b"") -> Any:
        """The answer of the server, of urllib3; None while it is not known how to ask.

        The body of an answer to GET is not read yet.

        Raises:
            BotoCoreError: no answer came.
        """
        way = self._way
        self._asked.key = key
        return None if way is None else self._try(way, key, headers, body)

    def drop(self, answer: Any) -> None:
        """Leave an answer unread, its connection with it, and learn from boto3 anew."""
        self._way = None
        answer.close()

    def _learn(self, request: Any, **_: Any) -> None:
        """Remember what boto3 is about to send; it goes on with that."""
        self._way = self._read_way(request, getattr(self._asked, "key", ""))

    def _read_way(self, request: Any, key: str) -> Way | None:
        """What boto3's request for a key tells; None if its like can't be made here."""
        found = request.headers.items()
        headers = {name.lower(): _as_text(value) for name, value in found}
        base = request.url.removesuffix(_quote_key(key))
        if not key or not base.endswith("/") or base == request.url:
            return None
        authorization = headers.get("authorization")
        if _ELSEWISE & headers.keys() or "?" in base:
            return None
        if authorization is not None and not authorization.startswith(ALGORITHM):
            return None
        server = find_server(self._session, base)
        signer = Signer(_read_region(authorization)) if authorization else None
        agent = headers.get("user-agent", "")
        return server and Way(server, urlsplit(base).path, agent, signer)

    def _try(self, way: Way, key: str, headers: Mapping[str, str], body: bytes) -> Any:
        from botocore.exceptions import (  # noqa: PLC0415  the SDK, on first use
            ConnectionError as NotConnected,
        )
        from botocore.exceptions import HTTPClientError  # noqa: PLC0415

        for attempt in range(self._attempts):
            if attempt:
                pause = min(_LONGEST_PAUSE, random.random() * 2**attempt)  # noqa: S311
                time.sleep(pause)
            try:
                return way.server.ask(self._build(way, key, headers, body))
            except (NotConnected, HTTPClientError):
                if attempt + 1 == self._attempts:
                    raise
        raise AssertionError("there is at least one attempt")

    def _build(
        self, way: Way, key: str, headers: Mapping[str, str], body: bytes
    ) -> Request:
        path = way.folder + _quote_key(key)
        request = Request(self._method, way.server.host, path, headers, body)
        added = {"user-agent": way.agent}
        if way.signer is not None:
            frozen = self._credentials.get_frozen_credentials()
            added |= way.signer.sign(frozen, request)
        return request._replace(headers={**headers, **added})


def _read_region(authorization: str) -> str:
    # AWS4-HMAC-SHA256 Credential=KEY/20261121/REGION/s3/aws4_request, ...
    scope = authorization.partition("Credential=")[2].partition(",")[0]
    return scope.split("/")[-3]


def _quote_key(key: str) -> str:
    return quote(key, safe="/~")


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
