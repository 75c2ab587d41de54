"""Numbers, times and sizes as people read them; long texts made short."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from labeldock.web.times import render_age, render_time

__all__ = [
    "clip",
    "count_things",
    "render_ago",
    "render_bytes",
    "render_duration",
    "render_number",
    "render_time",
    "render_utc",
]

_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def render_ago(since: datetime) -> str:
    """How long ago something was."""
    age = render_age(since)
    return "just now" if age.startswith("0") else f"{age} ago"


def render_utc(value: datetime) -> str:
    """A time to the minute; a script puts it into the reader's zone."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def render_number(value: float) -> str:
    """A number with thin spaces, which do not break, between thousands."""
    digits = 0 if float(value).is_integer() or abs(value) >= 100 else 1
    return f"{value:,.{digits}f}".replace(",", _SPACE)


def count_things(count: int, one: str, many: str = "") -> str:
    """How many of something: `1 task`, `42 tasks`."""
    return f"{render_number(count)} {one if count == 1 else many or f'{one}s'}"


def render_bytes(size: float) -> str:
    """A size in the largest unit that leaves a whole number before the point."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{render_number(round(size, 1))}\N{NO-BREAK SPACE}{_UNITS[unit]}"


def render_duration(seconds: float) -> str:
    """A length of time in its two largest units: `3 min 20 s`, `2 h 5 min`."""
    if seconds < 0.001:
        return "under 1\N{NO-BREAK SPACE}ms"
    if seconds < 1:
        return f"{round(seconds * 1000)}\N{NO-BREAK SPACE}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{n}\N{NO-BREAK SPACE}{unit}" for n, unit in parts if n]
    return " ".join(shown[:2])


def clip(text: object, length: int = 120) -> str:
    """A text that is no longer than this; its end says more than its middle."""
    whole = str(text)
    if len(whole) <= length:
        return whole
    tail = length // 3
    return f"{whole[: length - tail - 1]}\N{HORIZONTAL ELLIPSIS}{whole[-tail:]}"
