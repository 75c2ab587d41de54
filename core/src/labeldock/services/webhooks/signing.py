"""Signatures of webhook messages, as the Standard Webhooks specification has them.

    webhook-id: msg_6b1f…            the same whenever this message is sent again
    webhook-timestamp: 1700000000    when this attempt was made, in seconds since 1970
    webhook-signature: v1,K5oZ…      base64 of HMAC-SHA256 over "id.timestamp.body"

The key of the HMAC is what follows `whsec_` in the secret, decoded from base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

PREFIX: Final = "whsec_"
_KEY_BYTES: Final = 32


def make_secret() -> str:
    """A new secret, to be shown once."""
    key = secrets.token_bytes(_KEY_BYTES)
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
