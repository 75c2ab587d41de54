"""How fast a run goes: a bounded series that its row carries.

A sample is taken with what a transaction commits anyway, once a second at most. When
there are too many, every second one is dropped and they are taken half as often, so
that an hour and a week take the same room.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

MOST: Final = 120
_LEAST_SECONDS: Final = 1.0


class Sample(NamedTuple):
    """How far a run was at a time.

    Attributes:
        at: seconds since 1970, by the worker's clock.
        objects: objects dealt with until then.
        size: bytes read of them until then; 0 where none are read.
        latency: milliseconds that the storage took for a page, on average since the
            sample before; 0 where it was not asked.
    """

    at: float
    objects: int
    size: int
    latency: float


@dataclass(slots=True)
class Sampler:
    """Takes the samples of a run for as long as one worker has it."""

    samples: list[list[float]] = field(default_factory=list)
    size: int = 0
    _asked: int = 0
    _seconds: float = 0.0

    @classmethod
    def resume(cls, samples: Sequence[Sequence[float]]) -> Sampler:
        """Go on where another worker left off."""
        kept = [list(sample) for sample in samples]
        return cls(kept, int(kept[-1][2]) if kept else 0)

    def note_call(self, seconds: float) -> None:
        """The storage was asked for a page."""
        self._asked += 1
        self._seconds += seconds

    def note_bytes(self, size: int) -> None:
        """An object was read."""
        self.size += size

    def take(
        self, counts: Mapping[str, int], *, is_last: bool = False
    ) -> list[list[float]] | None:
        """The series with one more sample; None if it is too early for one."""
        now = time.time()
        is_early = bool(self.samples) and (
            now - self.samples[-1][0] < self._find_interval()
        )
        if is_early and not is_last:
            return None
        latency = 1000 * self._seconds / self._asked if self._asked else 0.0
        self._asked, self._seconds = 0, 0.0
        self.samples.append(
            [round(now, 1), _count(counts), self.size, round(latency, 1)]
        )
        if len(self.samples) > MOST:
            self.samples = [*self.samples[:-1:2], self.samples[-1]]
        return self.samples

    def _find_interval(self) -> float:
        """As dense as they lie on average, yet not more often than each second."""
        if len(self.samples) < MOST // 2:
            return _LEAST_SECONDS
        span = self.samples[-1][0] - self.samples[0][0]
        return max(_LEAST_SECONDS, span / len(self.samples))


def _count(counts: Mapping[str, int]) -> int:
    if "seen" in counts:
        return counts["seen"]
    return counts.get("delivered", 0) + counts.get("failed", 0)


def read_samples(stored: Sequence[Sequence[Any]]) -> tuple[Sample, ...]:
    """The samples of a run's row."""
    return tuple(Sample(*sample) for sample in stored)
