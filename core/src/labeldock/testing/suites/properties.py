"""Properties of a whole storage: random keys, and random sequences of writes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)

from labeldock.contract import ABSENT, Condition, PreconditionFailed, matches
from labeldock.testing.bench import Bench
from labeldock.testing.client import fetch
from labeldock.testing.scenarios import scenario
from labeldock.testing.strategies import any_keys, build_settings
from labeldock.testing.suites.suite import Suite

KEYS = ("1.json", "2.json", "out/1.json", "out/2.json")


class PropertySuite(Suite):
    """Whatever is done to it, a storage holds what a plain model says."""

    @scenario("A17")
    def test_a17_any_sequence(self, bench: Bench) -> None:
        """After any sequence of saves and deletions, all is as expected (property)."""
        machine = type("Machine", (_Machine,), {"bench": bench})
        run_state_machine_as_test(
            machine,
            settings=build_settings(bench.rig.examples, stateful_step_count=12),
        )

    @scenario("A27")
    def test_a27_any_key(self, bench: Bench) -> None:
        """Any legal key survives save, list, read, sign and delete (property)."""

        def is_legal(key: str) -> bool:
            size = len((bench.prefix + key).encode())
            return size <= bench.can.max_key_bytes and bool(bench.keep_legal([key]))

        @build_settings(bench.rig.examples)
        @given(key=any_keys(is_legal))
        def survives(key: str) -> None:
            _round_trip(bench, key)

        survives()


def _round_trip(bench: Bench, key: str) -> None:
    data = key.encode()
    try:
        saved = bench.save(key, data)
        (listed,) = bench.list_objects()
        assert (listed.key, listed.etag) == (key, saved.etag)
        assert bench.read(key) == data
        if bench.claims("presign") and bench.rig.is_signable(bench.prefix + key):
            assert fetch(bench.presign(key).url).body == data
    finally:
        bench.delete(key)
    assert bench.list_keys() == []


class _Machine(RuleBasedStateMachine):
    """Saves and deletions in a container of its own, beside a plain dict."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.place = self.stack.enter_context(self.bench.open_another())
        self.model: dict[str, bytes] = {}

    def teardown(self) -> None:
        with self.stack:  # a request per key is too much after every step
            keys = self.place.list_keys()
            assert {key: self.place.read(key) for key in keys} == self.model

    @rule(key=st.sampled_from(KEYS), data=st.binary(max_size=20))
    def save(self, key: str, data: bytes) -> None:
        self.place.save(key, data)
        self.model[key] = data

    @rule(key=st.sampled_from(KEYS))
    def read(self, key: str) -> None:
        if key in self.model:
            assert self.place.read(key) == self.model[key]

    @rule(key=st.sampled_from(KEYS), data=st.binary(max_size=20))
    def save_new(self, key: str, data: bytes) -> None:
        if self.bench.can.conditional_write:
            self.attempt_save(key, data, ABSENT, holds=key not in self.model)

    @rule(key=st.sampled_from(KEYS), data=st.binary(max_size=20))
    def save_over(self, key: str, data: bytes) -> None:
        if self.bench.can.conditional_write and key in self.model:
            condition = matches(self.place.get_info(key).etag)
            self.attempt_save(key, data, condition, holds=True)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        existed = self.place.delete(key).existed
        assert existed == (self.model.pop(key, None) is not None)

    def attempt_save(
        self, key: str, data: bytes, condition: Condition, *, holds: bool
    ) -> None:
        try:
            self.place.save(key, data, condition=condition)
        except PreconditionFailed:
            assert not holds
            return
        assert holds
        self.model[key] = data
