"""Conditional requests (RFC 9110, 13): whether what a client has is still good.

The ETag is made of the object's and of who sees it in which role, so that a browser
asks anew once its user's role is another one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from typing import Final, NamedTuple

_TAG: Final = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|\Z)')
_DECIDING: Final = (
    "if-match",
    "if-unmodified-since",
    "if-none-match",
    "if-modified-since",
)


class Outcome(Enum):
    """What the conditions of a request come to."""

    SEND = "send"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


class Validators(NamedTuple):
    """What tells one state of an object from another; the ETag is strong, quoted."""

    etag: str
    last_modified: datetime | None


def build_etag(object_etag: str, viewer: str) -> str:
    """The ETag of an object as seen by somebody."""
    text = f"{viewer}\0{object_etag}"
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=16)
    return f'"{digest.hexdigest()}"'


def has_conditions(headers: Mapping[str, str]) -> bool:
    """Whether an object's state has to be known before it can be sent."""
    return any(name in headers for name in _DECIDING)


def check_conditions(headers: Mapping[str, str], current: Validators) -> Outcome:
    """What the conditions of a GET or HEAD come to, in the order of 13.2.2.

    Args:
        headers: the request's headers, their names in lower case.
        current: the object's state.
    """
    if "if-match" in headers:
        if not _lists(headers["if-match"], current.etag, weakly=False):
            return Outcome.FAILED
    elif _is_later(current.last_modified, headers.get("if-unmodified-since")):
        return Outcome.FAILED
    if "if-none-match" in headers:
        is_known = _lists(headers["if-none-match"], current.etag, weakly=True)
        return Outcome.NOT_MODIFIED if is_known else Outcome.SEND
    since = headers.get("if-modified-since")
    if _is_later(current.last_modified, since) is False:
        return Outcome.NOT_MODIFIED
    return Outcome.SEND


def allows_range(if_range: str | None, current: Validators) -> bool:
    """Whether a part of the object fits what the client has (13.1.5)."""
    if if_range is None:
        return True
    value = if_range.strip()
    if value.startswith(('"', "W/")):
        return value == current.etag
    # A date has to be the very one that was given out.
    given = render_date(current.last_modified)
    return given is not None and value == given


def render_date(moment: datetime | None) -> str | None:
    """A time as HTTP writes it; None for none."""
    if moment is None:
        return None
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _lists(header: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of ETags holds this strong one."""
    if header.strip() == "*":
        return True
    position = 0
    while found := _TAG.match(header, position):
        if found[2] == etag and (weakly or not found[1]):
            return True
        if found.end() == position:
            break
        position = found.end()
    return False


def _is_later(moment: datetime | None, header: str | None) -> bool | None:
    """Whether a time, in whole seconds, is after a header's; None if either is none."""
    if moment is None or header is None:
        return None
    try:
        given = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError):
        return None
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    return moment.replace(microsecond=0) > given
