"""How long something takes, on a machine that does other things too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def measure(action: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure_work(action: Callable[[], object]) -> float:
    """Seconds that this process works during one call, whatever others do."""
    start = time.process_time()
    action()
    return time.process_time() - start


def alternate(
    ours: Callable[[], float],
    bare: Callable[[], float],
    *,
    rounds: int,
    pick: Callable[[list[float]], float] = min,
) -> tuple[float, float]:
    """The best of some rounds of each, taken in turns, so that noise strikes both.

    `pick` takes another one than the best: where two processes hand blocks to each
    other, a lucky round says nothing.
    """
    pairs = [(ours(), bare()) for _ in range(rounds)]
    return pick([pair[0] for pair in pairs]), pick([pair[1] for pair in pairs])


def median_of(action: Callable[[], float], *, rounds: int) -> float:
    """The middle of some rounds."""
    return statistics.median(action() for _ in range(rounds))
