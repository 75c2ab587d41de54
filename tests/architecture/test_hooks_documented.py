"""Every hook is described where it is declared, and tried in a test."""

from __future__ import annotations

import inspect
from functools import cache

import pytest

from labeldock.contract import OPERATIONS, Observer, StorageProvider
from tests.architecture.sources import ROOT

SPECS = {
    name: member
    for owner in (StorageProvider, Observer)
    for name, member in vars(owner).items()
    if hasattr(member, "labeldock_spec")
}


def test_all_operations_are_hooks():
    assert {"describe", *OPERATIONS} <= set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_every_hook_has_a_docstring(name):
    assert inspect.getdoc(SPECS[name])


@pytest.mark.parametrize("name", ["describe", *OPERATIONS])
def test_every_operation_says_what_it_returns_and_raises(name):
    text = inspect.getdoc(SPECS[name])

    assert "Returns:" in text
    assert "Raises:" in text


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_describes_its_arguments(name):
    text = inspect.getdoc(SPECS[name])

    for argument in list(inspect.signature(SPECS[name]).parameters)[1:]:
        assert f"{argument}: " in text


@pytest.mark.parametrize("name", SPECS)
def test_no_hook_has_defaults_or_keyword_only_arguments(name):
    for parameter in inspect.signature(SPECS[name]).parameters.values():
        assert parameter.default is parameter.empty
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_called_in_a_test(name):
    assert f".{name}(" in read_tests()


@cache
def read_tests():
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in tests)
