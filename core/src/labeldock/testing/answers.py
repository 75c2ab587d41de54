"""An HTTP answer: what a plain client received, or what a proxy shall give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by name in any case, and the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header, "" if it is not there."""
        values = {each.lower(): value for each, value in self.headers.items()}
        return values.get(name.lower(), "")
