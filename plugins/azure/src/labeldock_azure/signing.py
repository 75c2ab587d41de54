"""URLs with a shared access signature, made without a request where there is a key.

With a token credential (service principal, managed identity) the service has to be
asked for a user delegation key first; it is kept for part of its life.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from labeldock.contract import NotSupported, PresignRequest, SignedUrl
from labeldock_azure.clients import AzureClient
from labeldock_azure.errors import translate_errors
from labeldock_azure.keys import check_key

_MAX_TTL: Final = timedelta(days=7)  # the longest life of a user delegation key
_SKEW: Final = timedelta(minutes=5)
_FRESH: Final = timedelta(hours=1)
_UNRESERVED: Final = "/-._~"


def presign_object(client: AzureClient, request: PresignRequest) -> SignedUrl:
    """A URL for GET and HEAD of one blob; a plain one if the container is public.

    Raises:
        NotSupported: with a SAS token alone nothing can be signed.
    """
    address = _build_address(client, check_key(request.key))
    now = datetime.now(UTC)
    expires = _find_end(now, request.ttl)
    if client.options.anonymous:
        return SignedUrl(address, expires)
    key = None
    if client.account_key is None:
        key, end = _find_delegation(client, now, expires)
        expires = min(expires, end)
    token = _sign(client, request, key, (now - _SKEW, expires))
    return SignedUrl(f"{address}?{token}", expires)


def _find_end(now: datetime, ttl: timedelta) -> datetime:
    """A whole second, since signatures know no others; not before the time asked."""
    end = now + min(ttl, _MAX_TTL)
    return datetime.fromtimestamp(math.ceil(end.timestamp()), UTC)


def _build_address(client: AzureClient, key: str) -> str:
    base = client.options.public_endpoint or client.service.primary_endpoint
    base = base.partition("?")[0].rstrip("/")
    return f"{base}/{client.options.container}/{quote(key, safe=_UNRESERVED)}"


def _sign(
    client: AzureClient,
    request: PresignRequest,
    delegation: Any,
    life: tuple[datetime, datetime],
) -> str:
    from azure.storage.blob import (  # noqa: PLC0415  the SDK, on first use
        BlobSasPermissions,
        generate_blob_sas,
    )

    with translate_errors():
        token: str = generate_blob_sas(
            account_name=client.account_name,
            container_name=client.options.container,
            blob_name=request.key,
            account_key=client.account_key,
            user_delegation_key=delegation,
            permission=BlobSasPermissions(read=True),
            start=life[0],
            expiry=life[1],
            content_type=request.content_type,
            content_disposition=request.disposition,
        )
    return token


def _find_delegation(
    client: AzureClient, now: datetime, expires: datetime
) -> tuple[Any, datetime]:
    """A key that lasts, and when it ends; a fresh one need not last for very long."""
    if not client.has_token:
        raise NotSupported(
            "Nothing can be signed with a SAS token alone.",
            field="sas_token",
            remedy="Give the account key or a service principal for signed URLs; else "
            "media are streamed.",
        )
    with client.lock:
        if client.delegation is not None:
            key, end = client.delegation
            if end >= expires or end >= now + _MAX_TTL - _FRESH:
                return key, end
        end = (now + _MAX_TTL).replace(microsecond=0)
        with translate_errors():
            key = client.service.get_user_delegation_key(now - _SKEW, end)
        client.delegation = (key, end)
        return key, end
