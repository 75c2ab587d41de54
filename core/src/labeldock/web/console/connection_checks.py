"""What was checked of a connection, step by step: passed, failed, or not reached.

Providers answer with a status and with problems; here they become the questions that a
person asks, in the order in which they can be answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from labeldock.contract.errors import InvalidInput, LabeldockError
from labeldock.contract.values import (
    Availability,
    Problem,
    Purpose,
    ValidationReport,
)
from labeldock.host.egress import EgressRefused

Outcome = Literal["passed", "failed", "advice", "not reached"]
TONES: Final[Mapping[Outcome, str]] = {
    "passed": "good",
    "failed": "bad",
    "advice": "warn",
    "not reached": "idle",
}
_CORS: Final = frozenset({"cors", "cors_unchecked"})
_CONTENTS: Final = frozenset({"no_task_file", "nothing_passes"})
_STOPS: Final = {
    Availability.UNREACHABLE: "server",
    Availability.FORBIDDEN: "access",
    Availability.NOT_FOUND: "place",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a storage, and its answer."""

    name: str
    title: str
    outcome: Outcome
    problems: tuple[Problem, ...] = ()

    @property
    def tone(self) -> str:
        """In which colour it is shown."""
        return TONES[self.outcome]


def list_titles(purpose: Purpose) -> dict[str, str]:
    """The questions, in the order in which they are answered."""
    titles = {
        "settings": "The settings are complete",
        "server": "The server answers",
        "access": "It lets us in with these credentials",
        "place": "The bucket or folder is there",
    }
    if purpose is Purpose.EXPORT:
        return titles | {"contents": "Files can be written to it"}
    return titles | {
        "contents": "Something in it would be imported",
        "cors": "Pages may read media that lie there",
    }


def refuse(purpose: Purpose, error: LabeldockError) -> list[Check]:
    """The answers where not even the settings could be accepted."""
    listed = error.problems if isinstance(error, InvalidInput) else ()
    problem = Problem(error.field, error.message, error.remedy, error.code)
    return _answer(purpose, "settings", tuple(listed) or (problem,))


def explain(purpose: Purpose, report: ValidationReport) -> list[Check]:
    """The answers that a report gives."""
    stop = _STOPS.get(report.status)
    advice = tuple(p for p in report.problems if p.code in _CORS)
    others = tuple(p for p in report.problems if p.code not in _CORS)
    if stop is None and others:
        stop = "contents"
    if any(problem.code == EgressRefused.code for problem in others):
        stop = "server"  # nothing was sent, so nobody answered
    checks = _answer(purpose, stop, others)
    return [_advise(check, advice) for check in checks]


def _answer(
    purpose: Purpose, stop: str | None, problems: Sequence[Problem]
) -> list[Check]:
    """Everything before the step that failed has passed; what follows, nobody knows."""
    checks: list[Check] = []
    outcome: Outcome = "passed"
    for name, title in list_titles(purpose).items():
        if name == stop:
            checks.append(Check(name, title, "failed", tuple(problems)))
            outcome = "not reached"
        else:
            checks.append(Check(name, title, outcome))
    return checks


def _advise(check: Check, problems: tuple[Problem, ...]) -> Check:
    if check.name != "cors" or not problems or check.outcome != "passed":
        return check
    return Check(check.name, check.title, "advice", problems)
