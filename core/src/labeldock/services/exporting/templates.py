"""Templates of keys, such as `{task.inner_id}-{annotation.id}.json`.

A template names an item by what never changes about it, so that its key is the same
whenever it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from string import Formatter
from typing import Any, Final

from labeldock.services.exporting.kinds import Layout, Payload

Part = tuple[str, str, str]
"""Literal text, then the name of a field ("" at the end) and its format."""

MAX_LENGTH: Final = 512
_DATE_FORMAT: Final = "%Y-%m-%d"
_DIRECTIVES: Final = frozenset("YmdHMSjy%")
_DATES: Final = frozenset({"annotation.created_at", "task.created_at", "run.queued_at"})
_OF_TASKS: Final = frozenset(
    {"project.id", "task.id", "task.inner_id", "task.created_at", "source_key"}
)
_OF_ANNOTATIONS: Final = _OF_TASKS | {"annotation.id", "annotation.created_at"}
_OF_RUNS: Final = frozenset({"project.id", "run.id", "run.queued_at"})
_NAMING: Final = frozenset({"annotation.id", "task.id", "task.inner_id", "source_key"})
_DATE_TEXT: Final = re.compile(r"[A-Za-z0-9%_-]+(?:/[A-Za-z0-9%_-]+)*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\\]")


def check_template(template: str, payload: Payload, layout: Layout) -> None:
    """Refuse a template that names nothing, collides for sure, or makes no good key.

    Raises:
        ValueError: saying what is wrong, and what to write.
    """
    parts = parse_template(template)
    _check_text(template, parts)
    names = {name for _, name, _ in parts if name}
    known = list_fields(payload, layout)
    for name in sorted(names - known):
        raise ValueError(f"has no field {{{name}}} here; there are {_show(known)}")
    _check_formats(parts)
    if layout is Layout.PARQUET and "run.id" not in names:
        raise ValueError("would write every run over the last one; add {run.id}")
    if layout is Layout.FILES and not names & _NAMING:
        raise ValueError(
            "would give every item the same key; add one of " + _show(known & _NAMING)
        )


def list_fields(payload: Payload, layout: Layout) -> frozenset[str]:
    """The fields that a template may have."""
    if layout is not Layout.FILES:
        return _OF_RUNS
    return _OF_TASKS if payload is Payload.TASK else _OF_ANNOTATIONS


def is_unique(template: str, payload: Payload) -> bool:
    """Whether two items can never come under one key, whatever they are."""
    names = {name for _, name, _ in parse_template(template)}
    own = {"task.id", "task.inner_id"} if payload is Payload.TASK else {"annotation.id"}
    return bool(names & own)


def fill_template(template: str, values: Mapping[str, Any]) -> str:
    """The key, without the storage's prefix.

    A task without a source is named by its number.
    """
    return "".join(
        text + _render(values, name, form) if name else text
        for text, name, form in parse_template(template)
    )


def number_key(key: str, number: int) -> str:
    """The key with a number before its extension, for who comes second."""
    folder, slash, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return f"{key}-{number}"
    return f"{folder}{slash}{stem}-{number}.{extension}"


@lru_cache(maxsize=256)
def parse_template(template: str) -> tuple[Part, ...]:
    """The parts of a template.

    Raises:
        ValueError: its braces do not match, or it holds a conversion.
    """
    try:
        found = list(Formatter().parse(template))
    except ValueError:
        raise ValueError("has a brace without its other half") from None
    if any(conversion for *_, conversion in found):
        raise ValueError("holds a conversion (!), which keys do not know")
    return tuple((text, name or "", form or "") for text, name, form, _ in found)


def _render(values: Mapping[str, Any], name: str, form: str) -> str:
    value = values.get(name)
    if name == "source_key" and value is None:
        return f"task-{values['task.id']}"
    if isinstance(value, date):
        return value.strftime(form or _DATE_FORMAT)
    return str(value)


def _check_text(template: str, parts: tuple[Part, ...]) -> None:
    literal = "".join(text + ("x" if name else "") for text, name, _ in parts)
    if any(name == "" and form for _, name, form in parts) or "{}" in template:
        raise ValueError("has a field without a name")
    if len(template) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    if _CONTROL.search(template):
        raise ValueError("may not hold control characters or backslashes")
    if any(segment in {"", ".", ".."} for segment in literal.split("/")):
        raise ValueError('may not have "", "." or ".." between slashes, nor end in "/"')


def _check_formats(parts: tuple[Part, ...]) -> None:
    for _, name, form in parts:
        if form and name not in _DATES:
            raise ValueError(f"has a format for {{{name}}}, which is no date")
        directives = set(re.findall("%(.?)", form))
        if form and not (_DATE_TEXT.fullmatch(form) and directives <= _DIRECTIVES):
            raise ValueError(
                f"has the date format {form!r}; use %Y %m %d %H %M %S, as in %Y/%m/%d"
            )


def _show(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
