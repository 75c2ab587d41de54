"""Cursors: where a listing goes on, as text for the caller to keep.

A cursor holds the key to go on from, so it works forever and in every process. Beside
it stands the listing's token, under which names may be kept in memory.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import Final, NamedTuple

from labeldock.contract import CursorExpired

_PATTERN: Final = re.compile(r"1\.([0-9a-f]{16})\.([A-Za-z0-9_-]*={0,2})")


class Cursor(NamedTuple):
    """`start` is the first key that may come; `token` names the listing."""

    token: str
    start: bytes


def begin_cursor(start: bytes) -> Cursor:
    """The cursor of a new listing."""
    return Cursor(secrets.token_hex(8), start)


def render_cursor(cursor: Cursor) -> str:
    """The cursor as text."""
    return f"1.{cursor.token}.{base64.urlsafe_b64encode(cursor.start).decode()}"


def parse_cursor(text: str) -> Cursor:
    """The cursor behind the text.

    Raises:
        CursorExpired: it is not one of ours.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise _unknown_cursor()
    try:
        return Cursor(match[1], base64.urlsafe_b64decode(match[2]))
    except binascii.Error as error:
        raise _unknown_cursor() from error


def _unknown_cursor() -> CursorExpired:
    return CursorExpired(
        "The listing cursor is not known.", remedy="List again from the last key."
    )
