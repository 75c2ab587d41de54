"""Values as clients send them: numbers and truth as text, fields that are not for them.

A wrong type is refused with the name of the field; nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from labeldock.contract.errors import InvalidInput
from labeldock.web.bodies import parse_json

IGNORED_HEADER: Final = "X-Labeldock-Ignored-Fields"
LARGEST_ID: Final = 2**63 - 1
_LONGEST_HEADER: Final = 2000
_TRUE: Final = {"true", "1", "yes", "on"}
_FALSE: Final = {"false", "0", "no", "off"}


def select_fields(
    values: Mapping[str, Any], known: Container[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that can be set, and a header that names the others."""
    ignored = [quote(name, safe="$ ") for name in values if name not in known]
    header = {IGNORED_HEADER: ", ".join(ignored)[:_LONGEST_HEADER]} if ignored else {}
    return {k: v for k, v in values.items() if k in known}, header


def parse_integer(value: object, field: str) -> int:
    """A whole number of at least 0, also as text.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(value, str) and value.strip().isascii():
        text = value.strip()
        value = int(text) if text.isdecimal() and len(text) < 20 else value
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, int) and is_whole and 0 <= value <= LARGEST_ID:
        return value
    raise InvalidInput(
        "A valid integer is required.",
        field=field,
        remedy="Give a whole number, not below 0.",
    )


def parse_boolean(value: object, field: str) -> bool:
    """True or false, also as text.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise InvalidInput(
        "Must be a valid boolean.", field=field, remedy="Give true or false."
    )


def parse_number(value: object, field: str) -> float | None:
    """A number or nothing, also as text.

    Raises:
        InvalidInput: it is something else, or no finite number: JSON has no others.
    """
    if value is None or value == "":
        return None
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number):
                return number
    raise InvalidInput(
        "A valid number is required.", field=field, remedy="Give a number."
    )


def parse_document(value: object, field: str) -> Any:  # whatever JSON knows
    """A JSON value, also as its text, as forms and some clients send it."""
    return parse_json(value, field) if isinstance(value, str) else value
