"""Results: the regions that people and models say something about."""

from __future__ import annotations

from labeldock.db.types import dump_json


def is_result(value: object) -> bool:
    """Whether it is a list of objects that JSON can hold."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        return False
    try:
        dump_json(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
