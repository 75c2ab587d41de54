"""The guard: a suite class has every scenario as it was written, or says why not."""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from labeldock.contract import PROVIDER_GROUP
from labeldock.testing.rig import ProviderRig
from labeldock.testing.scenarios import Scenario, find_scenario, list_scenarios
from labeldock.testing.suites import ProviderSuite
from labeldock.testing.support import SCENARIO

KIT: Final = "labeldock.testing.suites."
AVOIDING: Final = frozenset({"skip", "skipif", "xfail"})
"""Marks that would excuse a whole class."""


def find_suite_faults(suite: type) -> list[str]:
    """What is wrong with a suite class, one sentence each."""
    faults = list(_find_rig_faults(getattr(suite, "rig_class", None)))
    for name, original in _list_originals(suite):
        if fault := _find_member_fault(suite, name, original):
            faults.append(fault)
    marks = sorted(AVOIDING.intersection(_list_marks(suite)))
    faults += [f"a mark {mark!r} on the class would excuse it all" for mark in marks]
    return faults


def prepare_item(item: pytest.Item) -> None:
    """Note the scenario in the test's properties; expect a fault that is known."""
    function = cast("pytest.Function", item)
    suite: Any = function.cls  # of which is known that it has a rig
    known = _find_original(suite, function.originalname)
    if known is None:
        return  # a test of the author's own
    rig: type[ProviderRig] = suite.rig_class
    title = rig.title or rig.provider_name
    item.user_properties.append(
        (SCENARIO, [title, known.id, known.title, list(known.rank)])
    )
    if reason := rig.known_faults.get(known.id):
        item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def check_completeness(items: Iterable[pytest.Item], root: Path) -> None:
    """Fail if a provider that this workspace installs is not held to every scenario.

    Args:
        items: the collected tests.
        root: of the workspace; providers that are installed from elsewhere are not its.

    Raises:
        pytest.UsageError: with the names and what they lack.
    """
    held = _group_by_provider(items)
    names = list_workspace_providers(root)
    if lacks := [lack for name in names if (lack := _find_lack(name, held[name]))]:
        raise pytest.UsageError("not held to every scenario: " + "; ".join(lacks))


def list_workspace_providers(root: Path) -> list[str]:
    """Entry points of providers that are installed editable from below this folder."""
    return sorted(
        entry.name
        for distribution in distributions()
        if _is_below(distribution, root.resolve())
        for entry in distribution.entry_points
        if entry.group == PROVIDER_GROUP
    )


def _find_rig_faults(rig: object) -> Iterator[str]:
    if not (inspect.isclass(rig) and issubclass(rig, ProviderRig)):
        yield "rig_class must be a subclass of ProviderRig"
        return
    missing = sorted(getattr(rig, "__abstractmethods__", ()))
    if missing:
        yield f"{rig.__name__} lacks {', '.join(missing)}"
    if not rig.provider_name:
        yield f"{rig.__name__} lacks provider_name"
    ids = {each.id for each in list_scenarios(ProviderSuite)}
    for scenario, reason in rig.known_faults.items():
        if scenario not in ids:
            yield f"known_faults names {scenario!r}, which is no scenario"
        if not reason.strip():
            yield f"known_faults gives no reason for {scenario}"


def _list_originals(suite: type) -> Iterator[tuple[str, object]]:
    """Every member that the suite has from the kit, but for the rig."""
    for base in reversed(inspect.getmro(suite)):
        if base.__module__.startswith(KIT):
            for name, member in vars(base).items():
                if name != "rig_class" and not name.startswith("__"):
                    yield name, member


def _find_member_fault(suite: type, name: str, original: object) -> str | None:
    present = inspect.getattr_static(suite, name, None)
    if present is original:
        return None
    known = find_scenario(original)
    if known is None:
        return f"{name} belongs to the kit and must not be overridden"
    if present is None:
        return f"{known.id} ({name}) was removed"
    if _is_excused(present):
        return None
    return (
        f"{known.id} ({name}) was overridden; a fault of the server belongs into the "
        "rig's known_faults, else mark it with xfail(strict=True, reason=...)"
    )


def _is_excused(function: object) -> bool:
    return any(
        mark.name == "xfail"
        and mark.kwargs.get("strict") is True
        and str(mark.kwargs.get("reason", "")).strip()
        for mark in getattr(function, "pytestmark", ())
    )


def _list_marks(suite: type) -> Iterator[str]:
    for base in inspect.getmro(suite):
        marks = vars(base).get("pytestmark", [])
        for mark in marks if isinstance(marks, list) else [marks]:
            yield mark.name


def _find_original(suite: type, name: str) -> Scenario | None:
    for original_name, original in _list_originals(suite):
        if original_name == name:
            return find_scenario(original)
    return None


def _find_lack(name: str, held: set[str]) -> str | None:
    if not held:
        return f"{name} has no conformance class"
    lacking = [each.id for each in list_scenarios(ProviderSuite) if each.id not in held]
    return f"{name} lacks {', '.join(lacking)}" if lacking else None


def _group_by_provider(items: Iterable[pytest.Item]) -> dict[str, set[str]]:
    held: dict[str, set[str]] = defaultdict(set)
    for item in items:
        found: list[Any] = [v for name, v in item.user_properties if name == SCENARIO]
        for _, scenario, *_ in found:
            suite: Any = cast("pytest.Function", item).cls
            held[suite.rig_class.provider_name].add(scenario)
    return held


def _is_below(distribution: Distribution, root: Path) -> bool:
    text = distribution.read_text("direct_url.json")
    if not text:
        return False
    origin = json.loads(text)
    path = Path(url2pathname(urlsplit(origin["url"]).path))
    return "editable" in origin.get("dir_info", {}) and path.is_relative_to(root)
