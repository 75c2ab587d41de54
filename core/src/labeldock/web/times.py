"""Times as clients and people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (
    ("year", 365 * 86400),
    ("month", 30 * 86400),
    ("week", 7 * 86400),
    ("day", 86400),
    ("hour", 3600),
    ("minute", 60),
)


def render_time(value: datetime) -> str:
    """A time as clients know it: UTC, microseconds, Z."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat(timespec='microseconds')[:-6]}Z"  # instead of +00:00


def render_age(since: datetime, now: datetime | None = None) -> str:
    """How long ago something was, e.g. `3 hours`, with a space that does not break."""
    seconds = ((now or datetime.now(UTC)) - since).total_seconds()
    for unit, length in _UNITS:
        count = int(seconds // length)
        if count >= 1:
            return f"{count}\N{NO-BREAK SPACE}{unit}{'s' if count > 1 else ''}"
    return "0\N{NO-BREAK SPACE}minutes"
