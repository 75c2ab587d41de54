"""A module is named after what it holds."""

from __future__ import annotations

import pytest

from tests.architecture.sources import ROOT, all_modules

# Names that hold whatever nobody found a place for.
EMPTY_NAMES = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "shared",
    "stuff",
    "tools",
    "util",
    "utils",
}


def has_empty_name(dotted: str) -> bool:
    """Whether a part of the name says nothing about the content."""
    words = dotted.lower().replace("_", ".").split(".")
    return bool(EMPTY_NAMES & set(words))


def test_no_module_has_a_name_that_says_nothing():
    named = [module.name for module in all_modules() if has_empty_name(module.name)]

    assert named == []


def test_no_test_or_bench_module_has_such_a_name_either():
    paths = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]

    assert [path for path in paths if has_empty_name(path.stem)] == []


@pytest.mark.parametrize("name", ["a.utils", "a.db_helpers", "a.common.b", "Manager"])
def test_such_a_name_is_found(name):
    assert has_empty_name(name)


@pytest.mark.parametrize("name", ["labeldock.db.database", "labeldock.contract.values"])
def test_a_telling_name_is_left_alone(name):
    assert not has_empty_name(name)
