"""Every kind of fault is noticed by the scenario that is there for it."""

from __future__ import annotations

import pytest

from labeldock.testing.scenarios import list_scenarios
from labeldock.testing.suites import ProviderSuite
from tests.core.testing.planted import (  # noqa: F401  they register what they hold
    PLANTED,
    answering,
    listing,
    reading,
    writing,
)

pytest_plugins = ["pytester"]

SUITE = """
from labeldock.testing.suites import ProviderSuite
from tests.core.testing.planted import PLANTED

class TestPlanted(ProviderSuite):
    rig_class = PLANTED[{name!r}].rig
"""

# Why no provider is planted for them.
UNPLANTED = {
    "P3": "the server refuses, not the provider",
    "P10": "the server refuses, not the provider",
    "P11": "the server answers, not the provider",
    "P12": "the server answers, not the provider",
    "P13": "the server refuses, not the provider",
    "R13": "the guard closes once, whatever the provider's reader does",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_noticed(pytester, name):
    pytester.makepyfile(SUITE.format(name=name))
    scenario = PLANTED[name].scenario.lower()

    result = pytester.runpytest_inprocess(
        "-k", f"test_{scenario}_", "-p", "no:cacheprovider", "-o", "timeout=30", *QUIET
    )

    result.stdout.no_fnmatch_line("*Timeout*>30*")  # seen, and not by waiting for it
    result.assert_outcomes(failed=1, deselected=len(list_all()) - 1)


# What other tests of this process left to the garbage collector is not its concern.
QUIET = ("-p", "no:unraisableexception")


def test_every_scenario_is_seen_to_fail():
    planted = {each.scenario for each in PLANTED.values()}

    missing = {each.id for each in list_all()} - planted - set(UNPLANTED)

    assert not missing
    assert not planted & set(UNPLANTED)


def list_all():
    return list_scenarios(ProviderSuite)
