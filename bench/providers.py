"""What providers add to their SDKs: reading, signing, and giving up a dead server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.object_server import served_objects
from bench.report import Figure, Report, Target, at_least, at_most
from bench.subjects import SUBJECTS, Subject
from bench.timing import alternate, measure, measure_work
from labeldock.contract import LabeldockError

LARGE = 100_000_000
SMALL = 20_000
SLICE = 50
MOST_RATIO = 1.10
LEAST_SIGNED = 2_000.0
LEAST_SIGNED_RATIO = 0.8  # of signing with RSA alone, which takes nearly all of it
TRIES, SILENCE = 2, 1.0
SLACK = 2.0  # seconds for pauses between tries, and for a machine that is busy


def run(report: Report, *, is_quick: bool) -> None:
    """Measure each provider on a server of its own."""
    count = 200 if is_quick else 1000
    rounds = 3 if is_quick else 7
    for build in SUBJECTS:
        with served_objects("--count", str(count), "--size", str(SMALL)) as url:
            measured = Measured(report, build(url), rounds)
            measured.compare_large()
            measured.compare_small(count)
            measured.compare_signing(500 if is_quick else 5000)
            patient = Measured(report, build(url, _limits()), rounds)
            patient.measure_silence()
            patient.measure_stall()


class Measured:
    """One provider."""

    def __init__(self, report: Report, subject: Subject, rounds: int) -> None:
        self._report = report
        self._subject = subject
        self._rounds = rounds

    def compare_large(self) -> None:
        """One large object: the middle of many rounds, each of some 20 ms."""
        key = f"large-{LARGE}"
        ours, bare = self._alternate(
            lambda read: _time(lambda: read(key), LARGE),
            rounds=5 * self._rounds,
            pick=statistics.median,
        )
        self._add_ratio("read 100 MB", ours, bare)

    def compare_small(self, count: int) -> None:
        """Many small objects, one after the other, in slices: noise strikes a few."""
        name = f"read {count:,} objects of 20 kB"
        keys = [f"{number:06}-{SMALL}" for number in range(count)]
        slices = [keys[start : start + SLICE] for start in range(0, count, SLICE)]
        pairs = [self._alternate_small(part) for part in slices]
        self._add_ratio(name, sum(o for o, _ in pairs), sum(b for _, b in pairs))

    def _alternate_small(self, keys: list[str]) -> tuple[float, float]:
        def read_with(read: Callable[[str], int]) -> float:
            return _time(lambda: sum(map(read, keys)), len(keys) * SMALL)

        return self._alternate(read_with, rounds=self._rounds)

    def compare_signing(self, count: int) -> None:
        """URLs in a second, on one core and without a request."""
        keys = [f"cats/{number}.jpg" for number in range(count)]
        subject = self._subject

        def sign_with(sign: Callable[[str], str]) -> float:
            return measure_work(lambda: list(map(sign, keys)))

        ours, bare = alternate(
            lambda: sign_with(subject.sign),
            lambda: sign_with(subject.sign_bare),
            rounds=self._rounds,
        )
        target = at_least(count / ours, LEAST_SIGNED, "1/s")
        if subject.signs_with_rsa:
            target = at_least(bare / ours, LEAST_SIGNED_RATIO, "ratio")
        self._add("sign URLs", count / ours, "1/s", count / bare, target)

    def measure_silence(self) -> None:
        """How long a server that never answers is waited for."""
        waited = measure(lambda: self._fail_to_read("silent/any-1000"))
        target = at_most(waited, TRIES * SILENCE + SLACK, "s")
        name = f"give up on no answer, {TRIES} tries of {SILENCE:g} s"
        self._add(name, waited, "s", None, target)

    def measure_stall(self) -> None:
        """How long a body that does not go on is waited for."""
        waited = measure(lambda: self._fail_to_read("stalled/any-1000000"))
        target = at_most(waited, SILENCE + SLACK, "s")
        name = f"give up on half a body, {SILENCE:g} s"
        self._add(name, waited, "s", None, target)

    def _fail_to_read(self, key: str) -> None:
        try:
            self._subject.read(key)
        except LabeldockError as error:
            if not error.retryable:
                raise
        else:
            raise AssertionError("a server that hangs has answered")

    def _alternate(
        self, read_with: Callable[[Callable[[str], int]], float], **how: Any
    ) -> tuple[float, float]:
        subject = self._subject
        return alternate(
            lambda: read_with(subject.read),
            lambda: read_with(subject.read_bare),
            **how,
        )

    def _add_ratio(self, name: str, ours: float, bare: float) -> None:
        self._add(name, ours, "s", bare, at_most(ours / bare, MOST_RATIO, "ratio"))

    def _add(
        self, name: str, value: float, unit: str, bare: float | None, target: Target
    ) -> None:
        figure = Figure(f"{self._subject.title}: {name}", value, unit, bare, target)
        self._report.add(figure)


def _time(read: Callable[[], int], size: int) -> float:
    start = time.perf_counter()
    found = read()
    assert found == size, f"{found} bytes instead of {size}"
    return time.perf_counter() - start


def _limits() -> dict[str, str]:
    return {
        f"LABELDOCK_{provider}_{name}": value
        for provider in ("S3", "AZURE", "GCS")
        for name, value in (
            ("READ_TIMEOUT", str(SILENCE)),
            ("MAX_ATTEMPTS", str(TRIES)),
        )
    }
