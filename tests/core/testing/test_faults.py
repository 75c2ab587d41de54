"""Injected faults: each does what it says, and has to be seen to fire."""

from __future__ import annotations

import threading

import pytest

from labeldock.contract import (
    ContractViolation,
    IntegrityError,
    ListQuery,
    OperationTimeout,
    ProviderCrash,
    Purpose,
    RateLimited,
    Unavailable,
)
from labeldock.testing.bench import connect
from labeldock.testing.faults import (
    ALWAYS,
    BreakBody,
    Faults,
    Raise,
    ReturnNone,
    ShortBody,
    StallBody,
    StallOperation,
)
from labeldock.testing.memory_rig import MemoryRig
from labeldock.testing.plugins import build_catalog

pytest_plugins = ["pytester"]


@pytest.fixture
def faults():
    with Faults() as faults:
        yield faults


@pytest.fixture
def storage(faults):
    """A storage in memory with the object `a.txt`, and the faults around it."""
    rig = MemoryRig()
    catalog = build_catalog(rig.build_provider(), plugins={"faults": faults})
    container = rig.create_container()
    rig.put_object(container, "a.txt", b"0123456789", "text/plain")
    return connect(catalog.provider("memory"), container, rig.build_options)


def test_an_error_of_the_contract_is_raised_so_many_times(faults, storage):
    build = lambda: RateLimited("slow down", retry_after=3)  # noqa: E731
    planned = faults.add("list_objects", Raise(build), times=2)

    for _ in range(2):
        with pytest.raises(RateLimited, match="slow down"):
            storage.list_page(ListQuery())

    assert storage.list_keys() == ["a.txt"]
    assert planned.fired == 2
    assert faults.calls["list_objects"] == 3


def test_a_foreign_error_becomes_a_crash(faults, storage):
    faults.add("get_data", Raise(lambda: KeyError("the SDK's own")))

    with pytest.raises(ProviderCrash, match="crashed with KeyError"):
        storage.read("a.txt")


def test_an_answer_can_be_lost_after_the_deed(faults, storage):
    lost = Raise(lambda: Unavailable("no answer"), is_late=True)
    faults.add("save_annotation", lost)

    with pytest.raises(Unavailable, match="no answer"):
        storage.save("b.txt", b"written")

    assert storage.read("b.txt") == b"written"


def test_none_is_a_violation(faults, storage):
    faults.add("delete_annotation", ReturnNone())

    with pytest.raises(ContractViolation, match="returned None, not Deletion"):
        storage.delete("a.txt")


def test_a_short_body_is_noticed(faults, storage):
    faults.add("get_data", ShortBody(4))

    with pytest.raises(IntegrityError, match="6 bytes too early"):
        storage.read("a.txt")


def test_a_body_breaks_in_the_middle(faults, storage):
    faults.add("get_data", BreakBody(4, lambda: OperationTimeout("gone")))

    with pytest.raises(OperationTimeout, match="gone"):
        storage.read("a.txt")


def test_a_fault_can_be_for_one_key(faults, storage):
    storage.save("b.txt", b"b")
    faults.add("get_data", Raise(lambda: Unavailable("not this one")), key="b.txt")

    assert storage.read("a.txt") == b"0123456789"
    with pytest.raises(Unavailable, match="not this one"):
        storage.read("b.txt")


@pytest.mark.parametrize("fault", [StallOperation(), StallBody(4)])
def test_what_stalls_goes_on_when_released(faults, storage, fault):
    faults.add("get_data", fault)
    found = []
    reading = threading.Thread(target=lambda: found.append(storage.read("a.txt")))

    reading.start()
    reading.join(0.1)
    assert reading.is_alive()
    faults.release()
    reading.join(10)

    assert found == [b"0123456789"]


@pytest.mark.parametrize("purpose", Purpose)
def test_checks_can_be_disturbed_too(faults, storage, purpose):
    faults.add("validate", Raise(lambda: Unavailable("away")), times=ALWAYS)

    with pytest.raises(Unavailable, match="away"):
        storage.validate(purpose)


def test_signing_can_be_disturbed_too(faults, storage):
    faults.add("presign", Raise(lambda: Unavailable("away")))

    with pytest.raises(Unavailable, match="away"):
        storage.presign("a.txt")


def test_an_operation_that_does_not_exist_is_refused(faults):
    with pytest.raises(AssertionError, match="get_date"):
        faults.add("get_date", ReturnNone())


def test_a_fault_that_never_fires_is_an_error():
    with pytest.raises(AssertionError, match=r"never fired: ReturnNone.* in validate"):
        plan_in_vain()


def plan_in_vain():
    with Faults() as faults:
        faults.add("validate", ReturnNone())


def test_an_error_of_the_test_itself_is_not_hidden():
    with pytest.raises(ValueError, match="of the test"):
        plan_and_fail()


def plan_and_fail():
    with Faults() as faults:
        faults.add("validate", ReturnNone())
        raise ValueError("of the test")


def test_the_fixture_fails_a_test_whose_fault_never_fires(pytester):
    pytester.makepyfile("""
        from labeldock.testing.faults import ReturnNone

        def test_it(labeldock_faults):
            labeldock_faults.add("validate", ReturnNone())
    """)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*faults that never fired: ReturnNone*"])
