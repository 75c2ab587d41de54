"""Scenarios: tests with an id that stays, and a title, which is their docstring.

class ListingSuite(Suite):
    @scenario("L2")
    def test_l2_one_object(self, bench):
        "One object is listed, with its size and ETag."
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar, cast

import pytest

from labeldock.testing.rig import NotApplicable
from labeldock.testing.support import NOT_APPLICABLE, UNCLAIMED

STAGES: Final = ("bench", "workplace")
IDENTIFIER: Final = re.compile(r"([A-Z])([0-9]+)")

FunctionT = TypeVar("FunctionT", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the decorator knows of a test.

    Attributes:
        id: a letter for the family and a number, e.g. "L3"; never used for another.
        title: one sentence.
        needs: the capability without which it does not apply, or "".
    """

    id: str
    title: str
    needs: str = ""

    @property
    def rank(self) -> tuple[str, int]:
        """Where it stands in a list: by family, then by number."""
        found = IDENTIFIER.fullmatch(self.id)
        assert found is not None, self.id
        return found[1], int(found[2])


def scenario(id: str, *, needs: str = "") -> Callable[[FunctionT], FunctionT]:  # noqa: A002  what it is called everywhere
    """Make a scenario of a test that asks for the bench, or for the workplace.

    Args:
        id: see `Scenario`.
        needs: a capability, or "presign". Where the provider does not claim it, the
            scenario is tried all the same, and what works is noted in the table.
    """

    def decorate(function: FunctionT) -> FunctionT:
        known = Scenario(id, _read_title(function), needs)
        wrapped = _hold_to_account(function, known)
        wrapped.scenario = known  # type: ignore[attr-defined]
        return wrapped

    return decorate


def find_scenario(function: object) -> Scenario | None:
    """The scenario that a function is, if it is one."""
    found = getattr(function, "scenario", None)
    return found if isinstance(found, Scenario) else None


def list_scenarios(suite: type) -> list[Scenario]:
    """The scenarios that a suite class has, in order."""
    found = (find_scenario(member) for _, member in _list_members(suite))
    return sorted(filter(None, found), key=lambda each: each.rank)


def _list_members(suite: type) -> Iterator[tuple[str, object]]:
    for name in dir(suite):
        yield name, inspect.getattr_static(suite, name)


def _read_title(function: Callable[..., None]) -> str:
    text = inspect.getdoc(function) or ""
    assert text, f"{function.__name__}: the docstring is the title"
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def _hold_to_account(function: FunctionT, known: Scenario) -> FunctionT:
    @functools.wraps(function)
    def run(self: object, **fixtures: Any) -> None:  # whatever the scenario asks for
        __tracebackhide__ = True
        stage = next(fixtures[name] for name in STAGES if name in fixtures)
        try:
            if known.needs and not stage.claims(known.needs):
                _try_unclaimed(known, lambda: function(self, **fixtures))
            function(self, **fixtures)
        except NotApplicable as reason:
            pytest.skip(f"{NOT_APPLICABLE}{reason}")
        stage.check()

    return cast("FunctionT", run)


def _try_unclaimed(known: Scenario, attempt: Callable[[], None]) -> NoReturn:
    """Try what is not claimed: it cannot fail, and if it works the table says so."""
    __tracebackhide__ = True
    try:
        attempt()
    except NotApplicable:
        raise
    except (Exception, pytest.fail.Exception) as error:
        raise NotApplicable(f"the provider does not claim `{known.needs}`") from error
    pytest.skip(f"{UNCLAIMED}`{known.needs}`")
