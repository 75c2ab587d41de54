"""Forms: what was typed, what is wrong with it, and how to show both again.

A page that takes a form catches `REFUSALS` and shows itself again with
`Form.refused(...)`, status 400: nothing that was typed is lost. Secrets are the
exception, they are never sent back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from labeldock.contract.errors import (
    Conflict,
    InvalidInput,
    LabeldockError,
    PluginError,
    StorageError,
)
from labeldock.web.endpoints import Call

REFUSALS: Final = (InvalidInput, Conflict, StorageError, PluginError)
"""What a form shows at its fields, instead of a page that says what went wrong."""
_AS_THEY_ARE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Form:
    """The values of a form's fields, and the problems of some of them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    summary: str = ""

    @classmethod
    def refused(
        cls,
        values: Mapping[str, Any],
        error: LabeldockError,
        names: Mapping[str, str] = _AS_THEY_ARE,
    ) -> Form:
        """A form that could not be accepted, with the reason at each field.

        Args:
            values: what was typed.
            error: why it is refused.
            names: what the page calls fields that errors call otherwise.
        """
        found: dict[str, tuple[str, ...]] = {}
        listed = error.problems if isinstance(error, InvalidInput) else ()
        for problem in listed:
            name = names.get(problem.field or "", problem.field or "")
            text = _join(problem.message, problem.remedy)
            found[name] = (*found.get(name, ()), text)
        if not listed:
            name = names.get(error.field or "", error.field or "")
            found[name] = (_join(error.message, error.remedy),)
        return cls(values, found, error.message)

    def value(self, name: str, default: Any = "") -> Any:  # of any kind
        """What a field holds."""
        found = self.values.get(name)
        return default if found is None else found

    def is_on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.values.get(name) not in {None, False, "", "false", "off"}

    def errors(self, name: str) -> tuple[str, ...]:
        """What is wrong with a field."""
        return self.problems.get(name, ())

    def errors_beside(self, shown: Mapping[str, Any] | tuple[str, ...]) -> list[str]:
        """What is wrong with no field that the page shows."""
        return [
            text if not name else f"{name}: {text}"
            for name, texts in self.problems.items()
            if name not in shown
            for text in texts
        ]


def _join(message: str, remedy: str | None) -> str:
    ended = message if message.endswith((".", "!", "?", ":")) else f"{message}."
    return f"{ended} {remedy}" if remedy else ended


def read_texts(call: Call, *names: str) -> dict[str, str]:
    """The fields of a form that is sent, without space around them; "" if left out."""
    return {name: str(call.values.get(name, "")).strip() for name in names}


def read_number(text: str, field: str) -> int | None:
    """A whole number that was typed into a field; None for nothing.

    Raises:
        InvalidInput: it is something else, or larger than any number of ours.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput("Give a whole number.", field=field)
    return int(text)
