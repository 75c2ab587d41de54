"""URLs that we sign ourselves, for storages that cannot: `/media/<token>`.

A token lets whoever has it read one key of one storage until it expires. It holds what
it permits, sealed by an HMAC, so that nothing has to be stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from labeldock.contract.errors import NotAllowed
from labeldock.contract.values import SignedUrl
from labeldock.db.secrets import Vault

MEDIA_PATH: Final = "/media/"
_PURPOSE: Final = "media"
_FORMAT: Final = "1"  # sealed with the payload, so that tokens of another one fail


@dataclass(frozen=True, slots=True)
class MediaGrant:
    """What a token permits.

    Attributes:
        storage_id: the storage.
        key: the one key that may be read.
        expires_at: when it ends, in seconds since 1970.
        content_type: what to answer as Content-Type, or None.
        disposition: what to answer as Content-Disposition, or None.
    """

    storage_id: int
    key: str
    expires_at: int
    content_type: str | None = None
    disposition: str | None = None


def sign_media_url(vault: Vault, public_url: str, grant: MediaGrant) -> SignedUrl:
    """The URL that carries a grant."""
    token = seal_grant(vault, grant)
    expires_at = datetime.fromtimestamp(grant.expires_at, UTC)
    return SignedUrl(f"{public_url.rstrip('/')}{MEDIA_PATH}{token}", expires_at)


def seal_grant(vault: Vault, grant: MediaGrant) -> str:
    """The token of a grant."""
    payload = json.dumps(astuple(grant), separators=(",", ":"), ensure_ascii=False)
    encoded = _encode(payload.encode())
    return f"{encoded}.{_encode(_sign(vault, encoded))}"


def open_grant(vault: Vault, token: str, now: datetime) -> MediaGrant:
    """What a token permits.

    Raises:
        NotAllowed: it is not one of ours, was changed, or has expired.
    """
    encoded, _, signature = token.partition(".")
    if not hmac.compare_digest(_decode(signature), _sign(vault, encoded)):
        raise NotAllowed("This media link is not valid.")
    grant = MediaGrant(*_parse(_decode(encoded)))
    if grant.expires_at <= now.timestamp():
        raise NotAllowed(
            "This media link has expired.", remedy="Load the task again for a new one."
        )
    return grant


def _parse(payload: bytes) -> list[Any]:  # sealed by us, so it is what we wrote
    values: list[Any] = json.loads(payload)
    return values


def _sign(vault: Vault, encoded: str) -> bytes:
    key = vault.derive_key(_PURPOSE)
    return hmac.digest(key, f"{_FORMAT}.{encoded}".encode(), hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """The bytes; none if the text is not how we write them."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    return raw if _encode(raw) == text else b""
