"""The one place where it is decided whether a backup is full or lightweight."""

from __future__ import annotations

from labeldock.contract.errors import InvalidInput

_WORDS = {"true": True, "false": False}
DEFAULT = False
"""What is meant by leaving it out: in requests, commands, schedules and queued runs."""


def read_lightweight(given: object) -> bool:
    """What somebody said about `lightweight`; nothing said is full.

    Truth values and the words `true` and `false`, as a query has them; nothing else.

    Raises:
        InvalidInput: it is no truth value.
    """
    if given is None:
        return DEFAULT
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in _WORDS:
        return _WORDS[given.strip().lower()]
    raise InvalidInput(
        "Not a truth value.",
        field="lightweight",
        remedy="Give true or false, or leave it out for a full backup.",
    )
