"""What is remembered is bounded, forgotten in time, and loaded once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labeldock.services.resolving.cache import Cache


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return Cache(3, lambda _: 1.0, clock)


def test_a_value_is_loaded_once_and_remembered(cache):
    assert cache.get("a") is None
    assert cache.fill("a", lambda: 1) == 1
    assert cache.fill("a", lambda: 2) == 1
    assert cache.get("a") == 1


def test_a_value_is_forgotten_after_its_lifetime(cache, clock):
    cache.fill("a", lambda: 1)

    clock.now += 1.0

    assert cache.get("a") is None
    assert cache.fill("a", lambda: 2) == 2


def test_the_oldest_values_give_way(cache):
    for key in "abcd":
        cache.fill(key, lambda: 1)

    assert [key for key in "abcd" if cache.get(key)] == ["b", "c", "d"]


def test_a_value_without_lifetime_is_given_and_not_remembered(clock):
    cache = Cache(3, lambda _: 0.0, clock)

    assert cache.fill("a", lambda: 1) == 1
    assert cache.get("a") is None


def test_an_error_is_raised_and_not_remembered(cache):
    def fail():
        raise LookupError("none")

    with pytest.raises(LookupError, match="none"):
        cache.fill("a", fail)

    assert cache.fill("a", lambda: 1) == 1


@pytest.mark.parametrize("is_failing", [False, True])
def test_threads_that_ask_meanwhile_share_one_loader(cache, is_failing):
    started, release = threading.Event(), threading.Event()
    calls = []

    def load():
        calls.append(1)
        started.set()
        release.wait(10)
        if is_failing:
            raise LookupError("none")
        return "value"

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(cache.fill, "a", load)
        started.wait(10)
        others = [threads.submit(cache.fill, "a", load) for _ in range(4)]
        assert cache.fill("b", lambda: "other") == "other"
        release.set()
        outcomes = [each.exception(10) or each.result() for each in (first, *others)]

    # A thread that came only after the failure was free to try again.
    assert len(calls) == 1 or is_failing
    assert {str(outcome) for outcome in outcomes} == {"none" if is_failing else "value"}
