"""Which bytes a Range header asks for (RFC 9110, 14), and how many are given."""

from __future__ import annotations

import re
from typing import Final

from labeldock.contract.values import ByteRange

_BYTES: Final = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
_LARGEST: Final = 10**18  # larger than any object; what is larger means the same


def parse_range(header: str | None, limit: int) -> ByteRange | None:
    """The range to answer, or None to answer with the whole object.

    A range is cut to `limit` bytes from its first; the answer says which part it is,
    and clients ask for the rest. A suffix is left as long as it is, since its first
    byte depends on the object's size: see `limit_suffix`. Other units, several ranges
    and what is not well-formed are ignored, as the RFC allows.
    """
    found = _BYTES.fullmatch((header or "").strip())
    if found is None or found[1] == found[2] == "":
        return None
    first, last = _parse_position(found[1]), _parse_position(found[2])
    if first is None:
        return ByteRange(None, last)
    if last is not None and last < first:
        return None
    end = first + limit - 1
    return ByteRange(first, end if last is None else min(last, end))


def limit_suffix(wanted: ByteRange, size: int, limit: int) -> ByteRange:
    """The first `limit` bytes of a suffix range of an object of this size."""
    first = max(0, size - (wanted.last or 0))
    return ByteRange(first, first + limit - 1)


def is_long_suffix(wanted: ByteRange | None, limit: int) -> bool:
    """Whether it is a suffix that is longer than what is given at once."""
    return wanted is not None and wanted.first is None and (wanted.last or 0) > limit


def _parse_position(digits: str) -> int | None:
    if not digits:
        return None
    return int(digits) if len(digits) <= 18 else _LARGEST
