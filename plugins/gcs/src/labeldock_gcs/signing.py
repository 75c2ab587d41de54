"""Signed URLs (V4 signing process with RSA-SHA256), made from a key or by IAM.

The canonical request is put together here, since the SDK's own can have a signature
from Google's public IAM address only, and would wait for it for two minutes
(cloud.google.com/storage/docs/authentication/canonical-requests).
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from labeldock.contract import InvalidKey, NotSupported, PresignRequest, SignedUrl
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.keys import check_key
from labeldock_gcs.signers import Signer

_MAX_TTL: Final = 7 * 24 * 60 * 60
_TICK: Final = timedelta(seconds=1)
_ALGORITHM: Final = "GOOG4-RSA-SHA256"


def presign_object(client: GcsClient, request: PresignRequest) -> SignedUrl:
    """A URL for GET and HEAD of one key.

    Raises:
        NotSupported: nobody can sign for these credentials; media are streamed.
        InvalidKey: a browser would fold a `.` or `..` segment of the key.
    """
    path = f"/{client.bucket}/{quote(_check_path(request.key), safe='/~')}"
    if client.signer is None:
        raise NotSupported(
            "These credentials cannot sign URLs.",
            key=request.key,
            remedy="Use the key of a service account, or impersonate one.",
        )
    now = datetime.now(UTC)
    # Whole seconds, counted from the last one that was full.
    seconds = math.ceil((request.ttl + timedelta(microseconds=now.microsecond)) / _TICK)
    ttl = min(max(1, seconds), _MAX_TTL)
    now = now.replace(microsecond=0)
    endpoint = client.options.browser_endpoint
    url = sign_url(client.signer, endpoint + path, build_query(request, ttl), now)
    return SignedUrl(url, now + timedelta(seconds=ttl))


def build_query(request: PresignRequest, ttl: int) -> dict[str, str]:
    """The parameters that do not depend on who signs."""
    query = {"X-Goog-Expires": str(ttl)}
    if request.content_type:
        query["response-content-type"] = request.content_type
    if request.disposition:
        query["response-content-disposition"] = request.disposition
    return query


def sign_url(signer: Signer, url: str, query: dict[str, str], now: datetime) -> str:
    """A URL with its signature.

    Args:
        signer: who signs.
        url: the address of an object, quoted, without a query.
        query: the parameters for it; names without anything to quote.
        now: the time from which it is valid.
    """
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/auto/storage/goog4_request"
    query = {
        **query,
        "X-Goog-Algorithm": _ALGORITHM,
        "X-Goog-Credential": f"{signer.email}/{scope}",
        "X-Goog-Date": stamp,
        "X-Goog-SignedHeaders": "host",
    }
    canonical = "&".join(  # the names are ours, and have nothing to quote
        f"{name}={quote(value, safe='')}" for name, value in sorted(query.items())
    )
    request = (
        f"GET\n{parts.path}\n{canonical}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    signature = signer.sign(text.encode()).hex()
    return f"{url}?{canonical}&X-Goog-Signature={signature}"


def _check_path(key: str) -> str:
    segments = check_key(key).split("/")
    if "." in segments or ".." in segments:
        raise InvalidKey(
            "Browsers fold this key's path, so a URL would name another object.",
            key=key,
        )
    return key
