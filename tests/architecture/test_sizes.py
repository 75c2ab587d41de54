"""Functions and modules stay small; `./dev shape` shows how small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture import shape
from tests.architecture.shape import (
    measure_arguments,
    measure_functions,
    measure_modules,
    median,
    percentile,
)
from tests.architecture.sources import Module, all_modules

FUNCTION_MEDIAN = 8
FUNCTION_P95 = 35
FUNCTION_LIMIT = 50
MODULE_LIMIT = 500
ARGUMENT_LIMIT = 6

# Modules and packages -> why they, and functions in them, may be longer.
LONG = {
    "labeldock.db.migrations.versions.": "a step is a flat list, frozen once released",
}

# Package -> why its functions take more arguments.
MANY_ARGUMENTS = {"labeldock.cli.": "a command has as many arguments as options"}


@pytest.fixture(scope="module")
def modules():
    return all_modules()


def test_functions_are_short_as_a_rule(modules):
    functions = measure_functions(modules)

    assert median(functions) <= FUNCTION_MEDIAN
    assert percentile(functions, 0.95) <= FUNCTION_P95


def test_no_function_is_long(modules):
    _assert_none_over(FUNCTION_LIMIT, measure_functions(modules), LONG)


def test_no_module_is_long(modules):
    _assert_none_over(MODULE_LIMIT, measure_modules(modules), LONG)


@pytest.mark.parametrize("prefix", [*LONG, *MANY_ARGUMENTS])
def test_every_exception_names_something(modules, prefix):
    assert [one for one in modules if f"{one.name}.".startswith(prefix)]


def test_functions_take_few_arguments(modules):
    _assert_none_over(ARGUMENT_LIMIT, measure_arguments(modules), MANY_ARGUMENTS)


def _assert_none_over(limit, measures, exempt=()):
    over = [
        one
        for one in measures
        if one.size > limit and not one.place.startswith(tuple(exempt))
    ]
    assert not over, f"over {limit}:\n" + "\n".join(map(str, over))


SAMPLE = '''
"""Module."""

class C:
    @property
    def method(self, a, /, b, *args, c=1, **kwargs):
        """Two
        lines.
        """
        # a comment

        def inner(): return (
            1
        )
        return """text
        over lines"""
'''


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(SAMPLE)
    return [Module("m", Path(path))]


def test_a_line_of_code_is_one_without_docstring_and_comments(sample):
    sizes = {one.place: one.size for one in measure_functions(sample)}

    assert sizes == {"m.C.method": 6, "m.C.method.inner": 3}


def test_arguments_are_counted_without_self_and_stars(sample):
    assert measure_arguments(sample)[0].size == 3


def test_every_line_of_a_module_counts(sample):
    assert measure_modules(sample)[0].size == len(SAMPLE.splitlines())


def test_a_size_over_the_limit_is_named(sample):
    with pytest.raises(AssertionError, match=r"6  m\.C\.method"):
        _assert_none_over(5, measure_functions(sample))


def test_an_exempt_size_is_let_through(sample):
    _assert_none_over(5, measure_functions(sample), {"m.C.": "it is a sample"})


def test_the_report_shows_the_spread_and_the_largest(sample):
    report = shape.render("lines", measure_functions(sample))

    assert "median 6" in report
    assert "6  m.C.method" in report


def test_every_function_of_the_sources_is_measured(modules):
    source = "\n".join(module.text for module in modules)
    functions = [
        node
        for node in ast.walk(ast.parse(source.replace("from __future__", "from f")))
        if isinstance(node, shape.Function)
    ]

    assert len(measure_functions(modules)) == len(functions)
