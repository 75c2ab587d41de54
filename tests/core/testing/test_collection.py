"""The guard: a suite class cannot leave a scenario out in silence."""

from __future__ import annotations

import pytest

from labeldock.testing import collection
from labeldock.testing.collection import find_suite_faults
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.rig import ProviderRig
from labeldock.testing.scenarios import list_scenarios
from labeldock.testing.suites import ListingSuite, ProviderSuite
from tests.architecture.sources import ROOT

pytest_plugins = ["pytester"]

HEAD = """
import pytest
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.suites import ListingSuite, ProviderSuite

class TestMemory(ProviderSuite):
    rig_class = MemoryRig
"""

OTHERS = len(list_scenarios(ProviderSuite)) - 1
OVERRIDE = """
    @pytest.mark.xfail({})
    def test_l2_one_object(self, bench):
        assert False
"""


@pytest.fixture
def collect(pytester):
    """Run one scenario of a suite class with this body."""

    def run(body="", *arguments, head=HEAD):
        pytester.makepyfile(head + body)
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "-k", "test_l2_ or test_own", *arguments
        )

    return run


def test_a_suite_with_a_rig_and_nothing_else_is_fine(collect):
    collect().assert_outcomes(passed=1, deselected=OTHERS)


def test_a_test_of_the_authors_own_is_welcome(collect):
    body = "    def test_own(self, bench):\n        assert bench.list_keys() == []\n"

    collect(body).assert_outcomes(passed=2, deselected=OTHERS)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    test_l2_one_object = None", "L2 (test_l2_one_object) was removed"),
        (
            "    def test_l2_one_object(self): pass",
            "L2 (test_l2_one_object) was overridden",
        ),
        (
            OVERRIDE.format("reason='known'"),
            "L2 (test_l2_one_object) was overridden",
        ),
        (
            OVERRIDE.format("strict=True, reason=' '"),
            "L2 (test_l2_one_object) was overridden",
        ),
        (
            "    @pytest.fixture\n    def bench(self): pass",
            "bench belongs to the kit",
        ),
        (
            "    pytestmark = pytest.mark.skip(reason='slow')",
            "a mark 'skip' on the class",
        ),
        ("    rig_class = None", "rig_class must be a subclass of ProviderRig"),
    ],
)
def test_a_suite_that_leaves_something_out_is_refused(collect, body, reason):
    result = collect(body)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*TestMemory: *{reason}*"])


def test_an_override_with_a_strict_reason_is_let_through(collect):
    body = OVERRIDE.format("strict=True, reason='the server cannot list'")

    collect(body).assert_outcomes(xfailed=1, deselected=OTHERS)


def test_a_known_fault_is_a_strict_expected_failure(collect):
    head = HEAD.replace(
        "class TestMemory",
        "class Faulty(MemoryRig):\n"
        "    known_faults = {'L2': 'see example.org/1'}\n"
        "    put_object = lambda *_: None\n"
        "class TestMemory",
    ).replace("rig_class = MemoryRig", "rig_class = Faulty")

    result = collect(head=head)

    result.assert_outcomes(xfailed=1, deselected=OTHERS)
    result.stdout.fnmatch_lines(["L2*xfail*[[]1]*", "[[]1] see example.org/1"])


def test_a_known_fault_that_is_gone_fails(collect):
    head = HEAD.replace(
        "class TestMemory",
        "class Mended(MemoryRig):\n    known_faults = {'L2': 'reason'}\n"
        "class TestMemory",
    ).replace("rig_class = MemoryRig", "rig_class = Mended")

    collect(head=head).assert_outcomes(failed=1, deselected=OTHERS)


class Unnamed(MemoryRig):
    provider_name = ""


class Mistaken(MemoryRig):
    known_faults = {"L2": " ", "Q9": "a reason"}  # noqa: RUF012  as authors write it


@pytest.mark.parametrize(
    ("rig", "faults"),
    [
        (Unnamed, ["Unnamed lacks provider_name"]),
        (
            Mistaken,
            [
                "known_faults gives no reason for L2",
                "known_faults names 'Q9', which is no scenario",
            ],
        ),
    ],
)
def test_a_rig_that_is_not_complete_is_refused(rig, faults):
    suite = type("TestIt", (ListingSuite,), {"rig_class": rig})

    assert find_suite_faults(suite) == faults


def test_a_rig_that_lacks_methods_is_refused_with_their_names():
    rig = type("HalfRig", (ProviderRig,), {"provider_name": "half"})
    suite = type("TestIt", (ListingSuite,), {"rig_class": rig})

    (fault,) = find_suite_faults(suite)

    assert fault.startswith("HalfRig lacks build_options, create_container")


# Completeness


def test_the_providers_of_a_workspace_are_those_installed_from_it(tmp_path):
    assert "local" in collection.list_workspace_providers(ROOT)
    assert collection.list_workspace_providers(tmp_path) == []


NEAR = """
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.suites import ListingSuite, PagingSuite, ProviderSuite

class NearRig(MemoryRig):
    provider_name = "near"

class TestNear({suite}):
    rig_class = NearRig
"""


@pytest.fixture
def count(pytester):
    """Look for providers without all scenarios, beside suites of these classes."""

    def run(suite, name="near"):
        install_near(pytester)
        pytester.makepyfile(NEAR.format(suite=suite).replace('"near"', f'"{name}"'))
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "--labeldock-complete", "--collect-only"
        )

    return run


def test_a_provider_without_a_suite_is_named(count):
    result = count("ProviderSuite", name="another")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*near has no conformance class*"])


def test_a_provider_without_some_scenarios_is_named_with_them(count):
    result = count("ListingSuite, PagingSuite")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*near lacks A1, A2, A3, *, V14*"])


def test_a_provider_with_all_scenarios_is_fine(count):
    assert count("ProviderSuite").ret == 0


def install_near(pytester):
    """The metadata of an editable package of this folder with one provider."""
    folder = pytester.path / "labeldock_near-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: labeldock-near\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[labeldock.providers]\nnear = labeldock_near:provider\n"
    )
    (folder / "direct_url.json").write_text(
        f'{{"url": "{pytester.path.as_uri()}", "dir_info": {{"editable": true}}}}'
    )
    pytester.syspathinsert()


# The catalogue


def test_scenarios_have_ids_that_are_part_of_their_names():
    for name in dir(ProviderSuite):
        member = getattr(ProviderSuite, name)
        if name.startswith("test_"):
            assert name.startswith(f"test_{member.scenario.id.lower()}_")


def test_no_id_is_given_twice():
    ids = [each.id for each in list_scenarios(ProviderSuite)]

    assert len(ids) == len(set(ids))
    assert len(ids) > 100
