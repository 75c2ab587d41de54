"""Blob names that Azure can hold, and that lead to the blob that they name.

learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs
--and--metadata: at most 1,024 characters in 254 segments, no control characters. What
Azure would quietly turn into another name is refused: dots at the end of a segment are
cut off, and a backslash becomes a slash.
"""

from __future__ import annotations

import re
from typing import Final

from labeldock.contract import InvalidKey

_MAX_CHARACTERS: Final = 1024
_MAX_SEGMENTS: Final = 254

# Control characters, and the two that no XML can hold.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_DOT_AT_END: Final = re.compile(r"\.(/|$)")


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        InvalidKey: Azure cannot hold it, or would take it for another one.
    """
    if not key:
        raise InvalidKey("The key is empty.", key=key)
    reasons = {
        "The key is longer than 1,024 characters.": len(key) > _MAX_CHARACTERS,
        "The key has too many segments.": key.count("/") >= _MAX_SEGMENTS,
        "The key has a segment that ends in a dot.": _DOT_AT_END.search(key),
        "The key holds a backslash.": "\\" in key,
    }
    for reason, holds in reasons.items():
        if holds:
            raise InvalidKey(reason, key=key)
    return check_text(key)


def check_text(text: str) -> str:
    """The text itself, if keys can begin with it.

    Raises:
        InvalidKey: it is not UTF-8, or holds a control character.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidKey("The key is not valid UTF-8.", key=ascii(text)) from None
    if _FORBIDDEN.search(text):
        raise InvalidKey("The key holds a control character.", key=text)
    return text
