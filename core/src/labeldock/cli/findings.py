"""What checks of the installation find: how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a check went; only FAIL makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    message: str
    remedy: str | None = None


def approve(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, message)


def warn(check: str, message: str, remedy: str | None = None) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, Level.WARN, message, remedy)


def fail(check: str, message: str, remedy: str | None = None) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAIL, message, remedy)
