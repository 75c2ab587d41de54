"""Annotations: writes and deletions that happen only if a condition holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from labeldock.contract import ABSENT, Condition, PreconditionFailed, matches
from labeldock.testing.bench import Bench
from labeldock.testing.scenarios import scenario
from labeldock.testing.suites.suite import Suite

WRITERS = 8


class ConditionSuite(Suite):
    """Conditions, and writers that meet on one key."""

    @scenario("A3", needs="conditional_write")
    def test_a3_stale_etag(self, bench: Bench) -> None:
        """A save for an ETag that the object no longer has changes nothing."""
        etag = bench.save("1.json", b"one").etag
        bench.save("1.json", b"two", condition=matches(etag))

        with pytest.raises(PreconditionFailed):
            bench.save("1.json", b"three", condition=matches(etag))

        assert bench.peek("1.json") == b"two"

    @scenario("A4")
    def test_a4_writers_meet(self, bench: Bench) -> None:
        """Of saves at the same time one wins, whole."""
        contents = [bytes([65 + n]) * (50_000 + n) for n in range(WRITERS)]

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda data: bench.save("1.json", data), contents))

        assert bench.peek("1.json") in contents
        assert bench.list_keys() == ["1.json"]

    @scenario("A11", needs="conditional_write")
    def test_a11_absent(self, bench: Bench) -> None:
        """A save that wants no object there refuses to overwrite one."""
        bench.save("1.json", b"old", condition=ABSENT)

        with pytest.raises(PreconditionFailed):
            bench.save("1.json", b"new", condition=ABSENT)

        assert bench.peek("1.json") == b"old"

    @scenario("A12", needs="conditional_write")
    def test_a12_nothing_to_match(self, bench: Bench) -> None:
        """A save for an ETag writes nothing where there is no object."""
        etag = bench.save("1.json").etag
        bench.remove("1.json")

        with pytest.raises(PreconditionFailed):
            bench.save("1.json", condition=matches(etag))

        assert bench.list_keys() == []

    @scenario("A13", needs="conditional_write")
    def test_a13_first_writer(self, bench: Bench) -> None:
        """Of saves at the same time that want no object there, one succeeds."""
        attempts = [(b"%d" % number, ABSENT) for number in range(WRITERS)]

        winners = _save_at_once(bench, attempts)

        assert len(winners) == 1
        assert bench.peek("1.json") == winners[0]

    @scenario("A14", needs="conditional_write")
    def test_a14_no_lost_update(self, bench: Bench) -> None:
        """Of saves at the same time for one ETag, one succeeds."""
        etag = bench.save("1.json", b"old").etag
        attempts = [(b"%d" % number, matches(etag)) for number in range(WRITERS)]

        winners = _save_at_once(bench, attempts)

        assert len(winners) == 1
        assert bench.peek("1.json") == winners[0]

    @scenario("A24", needs="conditional_delete")
    def test_a24_delete_stale(self, bench: Bench) -> None:
        """A deletion for an ETag that the object no longer has deletes nothing."""
        etag = bench.save("1.json", b"one").etag
        bench.save("1.json", b"two")

        with pytest.raises(PreconditionFailed):
            bench.delete("1.json", matches(etag))

        assert bench.peek("1.json") == b"two"

    @scenario("A25", needs="conditional_delete")
    def test_a25_delete_matching(self, bench: Bench) -> None:
        """A deletion for the ETag that the object has deletes it."""
        etag = bench.save("1.json", b"one").etag

        assert bench.delete("1.json", matches(etag)).existed
        assert bench.peek("1.json") is None

    @scenario("A26", needs="conditional_write")
    def test_a26_foreign_etag(self, bench: Bench) -> None:
        """The ETag that a listing tells is one that a save can be tied to."""
        bench.put("1.json", b"by another program")
        (listed,) = bench.list_objects()

        bench.save("1.json", b"mine", condition=matches(listed.etag))

        assert bench.peek("1.json") == b"mine"


def _save_at_once(bench: Bench, attempts: list[tuple[bytes, Condition]]) -> list[bytes]:
    """The contents whose save succeeded."""

    def save(attempt: tuple[bytes, Condition]) -> bool:
        data, condition = attempt
        try:
            bench.save("1.json", data, condition=condition)
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(save, attempts))
    return [attempt[0] for attempt, won in zip(attempts, outcomes, strict=True) if won]
