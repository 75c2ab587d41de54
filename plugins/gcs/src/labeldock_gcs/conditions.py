"""Conditions by generation, the number that an object gets with each new content.

The ETag of this provider is the generation: unlike Google's own `etag` it does not
change with an object's metadata, and requests can be made to depend on it.
"""

from __future__ import annotations

from typing import Final

from labeldock.contract import Condition

_ABSENT: Final = 0
_NEVER: Final = 1  # generations are microseconds since 1970
_MAX: Final = 2**63 - 1


def build_condition(condition: Condition) -> int | None:
    """The value for `ifGenerationMatch`, None for no condition."""
    if condition.absent:
        return _ABSENT
    return parse_generation(condition.etag)


def parse_generation(etag: str | None) -> int | None:
    """The generation that an ETag is; one that never was for an ETag of others."""
    if etag is None:
        return None
    if not (etag.isascii() and etag.isdigit()):
        return _NEVER
    generation = int(etag[:20])
    return generation if _NEVER <= generation <= _MAX else _NEVER
