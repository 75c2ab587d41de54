"""Keys that S3 can hold: up to 1,024 bytes of UTF-8."""

from __future__ import annotations

from labeldock.contract import MAX_KEY_BYTES, InvalidKey


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        InvalidKey: it is empty, too long, not UTF-8, or holds U+0000.
    """
    if not key:
        raise InvalidKey("The key is empty.", key=key)
    if len(check_text(key).encode()) > MAX_KEY_BYTES:
        raise InvalidKey("The key is longer than 1,024 bytes.", key=key)
    return key


def check_text(text: str) -> str:
    """The text itself, if keys can begin with it.

    Raises:
        InvalidKey: it is not UTF-8, or holds U+0000.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidKey("The key is not valid UTF-8.", key=ascii(text)) from None
    if "\0" in text:
        raise InvalidKey("The key holds U+0000.", key=text)
    return text
