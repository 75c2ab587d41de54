"""Signatures in headers, as AWS Signature Version 4 has them for S3.

Here is what a wire needs of them: whole bodies, and no query. The result is botocore's,
at a third of its time; all else is signed by botocore itself.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_EMPTY: Final = sha256().hexdigest()


class Request(NamedTuple):
    """What is to be signed.

    Attributes:
        method: of HTTP.
        host: with its port, unless that is the scheme's own.
        path: quoted as it is sent.
        headers: all but those that a server on the way may change.
        body: whole.
    """

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Signer:
    """Signs for one region. The key of a day is derived once."""

    def __init__(self, region: str) -> None:
        """Take the region's name."""
        self._region = region
        self._latest: tuple[tuple[str, str], bytes] = (("", ""), b"")

    def sign(self, credentials: Any, request: Request) -> dict[str, str]:
        """The headers to send beside the request's own.

        Args:
            credentials: frozen ones of botocore, which has no useful type.
            request: as it will be sent.
        """
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = sha256(request.body).hexdigest() if request.body else _EMPTY
        added = {"x-amz-content-sha256": digest, "x-amz-date": now}
        if credentials.token:
            added["x-amz-security-token"] = credentials.token
        names, asked = _render(request, added, digest)
        scope = f"{now[:8]}/{self._region}/s3/aws4_request"
        told = f"{ALGORITHM}\n{now}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
        key = self._find_key(credentials.secret_key, now[:8])
        signature = hmac.digest(key, told.encode(), "sha256").hex()
        added["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return added

    def _find_key(self, secret: str, day: str) -> bytes:
        known, key = self._latest
        if known != (secret, day):
            key = _derive_key(secret, day, self._region)
            self._latest = (secret, day), key
        return key


def _render(request: Request, added: Mapping[str, str], digest: str) -> tuple[str, str]:
    """The names of the signed headers, and the canonical request."""
    signed = {name.lower(): value for name, value in request.headers.items()}
    signed |= {**added, "host": request.host}
    ordered = sorted(signed)
    names = ";".join(ordered)
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in ordered)
    return names, f"{request.method}\n{request.path}\n\n{lines}\n{names}\n{digest}"


def _derive_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
