"""Keys that Cloud Storage can hold: up to 1,024 bytes of UTF-8, with few exceptions."""

from __future__ import annotations

from typing import Final

from labeldock.contract import MAX_KEY_BYTES, InvalidKey

_ACME: Final = ".well-known/acme-challenge/"


def check_key(key: str) -> str:
    """The key itself (cloud.google.com/storage/docs/objects#naming).

    Raises:
        InvalidKey: it is empty, too long, not UTF-8, or one that Google reserves.
    """
    encoded = check_text(key)
    if not encoded:
        raise InvalidKey("The key is empty.", key=key)
    if len(encoded) > MAX_KEY_BYTES:
        raise InvalidKey("The key is longer than 1,024 bytes.", key=key)
    if any(byte in encoded for byte in b"\0\r\n"):
        raise InvalidKey("The key holds U+0000 or a line break.", key=key)
    if key in {".", ".."} or key.startswith(_ACME):
        raise InvalidKey("Cloud Storage takes no object of this name.", key=key)
    return key


def check_text(text: str) -> bytes:
    """What a text is on the wire.

    Raises:
        InvalidKey: it is not UTF-8.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidKey("The key is not valid UTF-8.", key=ascii(text)) from None
