"""What providers add to their SDKs: reading, signing, and giving up a dead server."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.object_server import served_objects
from bench.report import Figure, Report, Target, at_least, at_most
from bench.subjects import SUBJECTS, Subject
from bench.timing import alternate, measure
from labeldock.contract import TransientStorageError

LARGE = 100_000_000
SMALL = 20_000
MOST_RATIO = 1.10
LEAST_SIGNED = 2_000.0
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
            measured.measure_silence(build(f"{url}/silent", _limits()))


class Measured:
    """One provider."""

    def __init__(self, report: Report, subject: Subject, rounds: int) -> None:
        self._report = report
        self._subject = subject
        self._rounds = rounds

    def compare_large(self) -> None:
        """One large object."""
        key = f"large-{LARGE}"

        def read_with(read: Callable[[str], int]) -> float:
            return _time(lambda: read(key), LARGE)

        self._compare("read 100 MB", read_with)

    def compare_small(self, count: int) -> None:
        """Many small objects, one after the other."""
        keys = [f"{number:06}-{SMALL}" for number in range(count)]

        def read_with(read: Callable[[str], int]) -> float:
            return _time(lambda: sum(map(read, keys)), count * SMALL)

        self._compare(f"read {count:,} objects of 20 kB", read_with)

    def compare_signing(self, count: int) -> None:
        """URLs in a second, on one core and without a request."""
        keys = [f"cats/{number}.jpg" for number in range(count)]
        subject = self._subject

        def sign_with(sign: Callable[[str], str]) -> float:
            return measure(lambda: list(map(sign, keys)))

        ours, bare = alternate(
            lambda: sign_with(subject.sign),
            lambda: sign_with(subject.sign_bare),
            rounds=self._rounds,
        )
        rate = count / ours
        target = at_least(rate, LEAST_SIGNED, "1/s")
        self._add("sign URLs", rate, "1/s", count / bare, target)

    def measure_silence(self, silent: Subject) -> None:
        """How long a server that never answers is waited for."""
        start = time.perf_counter()
        try:
            silent.read("any-1000")
        except TransientStorageError:
            waited = time.perf_counter() - start
        else:
            raise AssertionError("a silent server has answered")
        target = at_most(waited, TRIES * SILENCE + SLACK, "s")
        self._add(f"give up {TRIES} tries of {SILENCE:g} s", waited, "s", None, target)

    def _compare(
        self, name: str, read_with: Callable[[Callable[[str], int]], float]
    ) -> None:
        subject = self._subject
        ours, bare = alternate(
            lambda: read_with(subject.read),
            lambda: read_with(subject.read_bare),
            rounds=self._rounds,
        )
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
        for provider in ("S3", "AZURE")
        for name, value in (
            ("READ_TIMEOUT", str(SILENCE)),
            ("MAX_ATTEMPTS", str(TRIES)),
        )
    }
