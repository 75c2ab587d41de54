"""What pydantic found wrong with some settings, told without repeating the input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from labeldock.contract import Problem

SHORTEST_SECRET = 4  # shorter inputs appear in any sentence by chance


def list_problems(
    error: ValidationError, model: type[BaseModel]
) -> tuple[Problem, ...]:
    """One problem per finding, in pydantic's order."""
    details = error.errors(include_url=False, include_context=False)
    return tuple(_build_problem(detail, model) for detail in details)


def render_problems(problems: tuple[Problem, ...]) -> str:
    """All of them in one line."""
    return "; ".join(
        f"{problem.field}: {problem.message}" if problem.field else problem.message
        for problem in problems
    )


def _build_problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    field = str(detail["loc"][0]) if detail["loc"] else None
    match detail["type"]:
        case "missing":
            return Problem(field, "is required", "give a value", "required")
        case "extra_forbidden":
            return _build_unknown(str(field), model)
        case "enum" | "literal_error":  # lists what would be accepted, and no more
            return Problem(field, detail["msg"])
        case _:
            return Problem(field, _hide_input(detail["msg"], detail["input"]))


def _build_unknown(field: str, model: type[BaseModel]) -> Problem:
    shown, known = field[:60], list(model.model_fields)
    listing = ", ".join(known) or "none"
    close = get_close_matches(shown, known, n=1)
    return Problem(
        shown,
        f"unknown field {shown!r}; known fields: {listing}",
        f"did you mean {close[0]}?" if close else "remove it",
        "unknown_field",
    )


def _hide_input(message: str, value: object) -> str:
    """The message, unless a validator's own text repeats what was put in."""
    text = re.sub("^(Value error|Assertion failed), ", "", message)
    if any(_repeats(text, given) for given in _list_texts(value)):
        return "is not valid (details are withheld, since they repeat the value)"
    return text


def _repeats(text: str, given: str) -> bool:
    if len(given) < SHORTEST_SECRET:
        return False
    return given in text or repr(given)[1:-1] in text


def _list_texts(value: Any) -> Iterator[str]:  # whatever was put in
    match value:
        case SecretStr():
            yield from _list_texts(value.get_secret_value())
        case str():
            yield from (value, *value.splitlines())  # a key in PEM has many lines
        case bytes():
            yield from _list_texts(value.decode(errors="replace"))
        case Mapping():
            for item in value.values():
                yield from _list_texts(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from _list_texts(item)
        case _:
            yield str(value)
