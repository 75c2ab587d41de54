"""The support table, and the plug-in that shows it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SUITES = """
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.suites import ListingSuite, PresignSuite

class Other(MemoryRig):
    title = "memory (other)"
    known_faults = {"L3": "a fault, see example.org/1"}

    def put_object(self, container, key, data, content_type):
        super().put_object(container, key + "x", data, content_type)

    def missing_container(self, container, purpose):
        raise RuntimeError

class TestMemory(ListingSuite, PresignSuite):
    rig_class = MemoryRig

class TestOther(ListingSuite):
    rig_class = Other
"""
CHOICE = "test_l1_ or test_l2_ or test_l3_ or test_l21_ or test_p1_"


@pytest.fixture
def run(pytester):
    """Run some scenarios of two suites."""

    def run(*arguments, choice=CHOICE):
        pytester.makepyfile(SUITES)
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "-k", choice, *arguments
        )

    return run


def test_the_table_has_a_row_per_scenario_and_a_column_per_rig(run):
    result = run()

    result.stdout.fnmatch_lines(
        [
            "*labeldock support table*",
            "     memory   memory (other)  scenario",
            "L1   pass     pass            An empty storage gives one*",
            "L2   pass     FAIL            One object is listed, alone",
            "L3   pass     xfail [[]1]       A prefix selects *",
            "L21  n/a [[]2]  n/a [[]2]         With credentials that are not known*",
            "P1   n/a [[]3]  not run         A signed URL gives the object *",
            "[[]1] a fault, see example.org/1",
            "[[]2] there is no server, and nobody who could be refused",
            "[[]3] the provider does not claim `presign`",
        ]
    )


def test_among_other_tests_a_line_per_rig_is_enough(run, pytester):
    pytester.makepyfile(test_other="def test_p1_other(): pass")

    result = run()

    result.stdout.fnmatch_lines(
        ["memory: 3 pass, 2 n/a", "memory (other): 1 pass, 1 FAIL, 1 n/a, 1 xfail"]
    )
    result.stdout.no_fnmatch_line("L1 *")


def test_the_table_is_written_for_the_documentation(run, pytester):
    run("--labeldock-table", "table.md")

    text = (pytester.path / "table.md").read_text()
    assert text.splitlines()[:3] == [
        "|  | scenario | memory | memory (other) |",
        "|---|---|---|---|",
        "| L1 | An empty storage gives one empty page and no cursor | pass | pass |",
    ]
    assert "\n1. a fault, see example.org/1\n2. there is no server" in text


def test_reports_of_other_processes_are_in_it_too(pytester):
    pytester.makepyfile(SUITES)

    result = pytester.runpytest_subprocess(
        "-n1", "-k", CHOICE, "-p", "no:cacheprovider"
    )

    result.stdout.fnmatch_lines(["L2   pass     FAIL            One object *"])


def test_without_the_kit_no_table_is_shown(pytester):
    pytester.makepyfile("def test_it(): pass")

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*labeldock support table*")


def test_what_works_without_being_claimed_is_shown(pytester):
    pytester.makepyfile("""
        from dataclasses import replace
        from labeldock.contract import Capabilities, hookimpl
        from labeldock.testing.memory import MemoryProvider
        from labeldock.testing.memory_rig import MemoryRig
        from labeldock.testing.suites import ListingSuite

        class Modest(MemoryProvider):
            @hookimpl
            def describe(self):
                return replace(
                    super().describe(), capabilities=Capabilities(seekable=False)
                )

        class ModestRig(MemoryRig):
            provider_class = Modest

        class TestModest(ListingSuite):
            rig_class = ModestRig
    """)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "l11 or l20")

    result.assert_outcomes(passed=1, skipped=1, deselected=13)
    result.stdout.fnmatch_lines(["L11  unclaimed [[]1]  *", "[[]1] `seekable`"])


def test_switching_the_plug_in_off_switches_its_options_off(pytester):
    pytester.makepyfile("def test_it(): pass")

    plain = pytester.runpytest_subprocess("-p", "no:labeldock")
    asking = pytester.runpytest_subprocess("-p", "no:labeldock", "--labeldock-complete")

    plain.assert_outcomes(passed=1)
    assert asking.ret == pytest.ExitCode.USAGE_ERROR


def test_a_session_without_a_suite_imports_nothing_of_the_contract(pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "labeldock.testing.pytest_plugin" in sys.modules
            assert "labeldock.contract" not in sys.modules
            assert "labeldock.testing.collection" not in sys.modules
            assert "pydantic" not in sys.modules
    """)

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_importing_the_plug_in_imports_pytest_alone():
    program = (
        "import sys, pytest; before = set(sys.modules); "
        "import labeldock.testing.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    ours = {"labeldock", "labeldock.testing", "labeldock.testing.pytest_plugin"}
    assert set(done.stdout.split()) == ours
