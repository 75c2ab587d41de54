"""What a process counts and measures, for Prometheus.

Names and units follow https://prometheus.io/docs/practices/naming/; labels have few
values, never one for each user, storage or key. What the database knows (runs that
wait, deliveries that are due) is asked of it when somebody looks:
`labeldock.services.backlog`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes of one service put their numbers together, if it is set."""

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Family(NamedTuple):
    """What the reference says of a metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


FAMILIES: Final[list[Family]] = []


def _count(name: str, text: str, *labels: str) -> Counter:
    full = f"labeldock_{name}"
    FAMILIES.append(Family(f"{full}_total", "counter", labels, text))
    return Counter(full, text, labels, registry=REGISTRY)


def _measure(
    name: str, text: str, buckets: tuple[float, ...], *labels: str
) -> Histogram:
    full = f"labeldock_{name}"
    FAMILIES.append(Family(full, "histogram", labels, text))
    return Histogram(full, text, labels, registry=REGISTRY, buckets=buckets)


def _watch(name: str, text: str) -> Gauge:
    full = f"labeldock_{name}"
    FAMILIES.append(Family(full, "gauge", (), text))
    return Gauge(full, text, registry=REGISTRY, multiprocess_mode="livesum")


REQUESTS: Final = _count(
    "http_requests", "Requests that were answered.", "route", "method", "status"
)
REQUEST_SECONDS: Final = _measure(
    "http_request_seconds",
    "From a request's head to the end of its answer; media streams are left out.",
    _QUICK,
    "route",
)
MEDIA: Final = _count(
    "media_answers",
    "Answers of the media routes, by what they were: redirect, stream or thumbnail, "
    "or the code of what went wrong.",
    "outcome",
)
MEDIA_BYTES: Final = _count("media_bytes", "Bytes of media that were passed through.")
STREAMS: Final = _watch("media_streams", "Media streams that are open.")
PROVIDER_CALLS: Final = _count(
    "provider_calls",
    "Calls of providers; the outcome is ok, or the code of the error.",
    "provider",
    "operation",
    "outcome",
)
PROVIDER_SECONDS: Final = _measure(
    "provider_call_seconds",
    "How long providers took; of a body, until it could be read.",
    _SLOW,
    "provider",
    "operation",
)
CACHE_LOOKUPS: Final = _count(
    "cache_lookups",
    "Lookups in memories; the outcome is hit or miss.",
    "cache",
    "outcome",
)
RUN_OBJECTS: Final = _count(
    "run_objects", "What runs counted, as runs themselves show it.", "kind", "count"
)
SLICE_SECONDS: Final = _measure(
    "slice_seconds",
    "How long workers stayed with a run before the next.",
    _SLOW,
    "kind",
)
LEASES_LOST: Final = _count(
    "leases_lost", "Slices that ended since the run was in other hands.", "kind"
)
RUNS_LOST: Final = _count(
    "runs_lost", "Runs and parts whose worker gave no sign of life any more.", "kind"
)
RUNS_ENDED: Final = _count(
    "runs_ended", "Runs that came to an end, by how they did.", "kind", "state"
)
DELIVERIES: Final = _count(
    "deliveries",
    "Annotations brought to buckets; the outcome is ok, or the code of the error.",
    "outcome",
)


class Meter:
    """Measures the calls of providers, for a host that knows nothing of Prometheus."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._known: dict[tuple[str, str, str], Callable[[], None]] = {}
        self._timed: dict[tuple[str, str], Callable[[float], None]] = {}

    def __call__(
        self, provider: str, operation: str, outcome: str, seconds: float
    ) -> None:
        """Note a call."""
        counted = self._known.get((provider, operation, outcome))
        if counted is None:
            counted = PROVIDER_CALLS.labels(provider, operation, outcome).inc
            self._known[provider, operation, outcome] = counted
            timed = PROVIDER_SECONDS.labels(provider, operation).observe
            self._timed[provider, operation] = timed
        counted()
        self._timed[provider, operation](seconds)


def note_counts(kind: str, before: dict[str, int], after: dict[str, int]) -> None:
    """Note what a run has counted since its last commit."""
    for name, number in after.items():
        more = number - before.get(name, 0)
        if more > 0:
            RUN_OBJECTS.labels(kind, name).inc(more)


def render(*more: Collector) -> bytes:
    """Everything in Prometheus' text format; of all processes that share a folder.

    Args:
        more: what is asked for at this moment.
    """
    registry: Any = CollectorRegistry()
    if os.environ.get(SHARED_FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    for collector in more:
        registry.register(collector)
    return generate_latest(registry)


def forget_dead_processes() -> None:
    """Take what processes that died had open out of the numbers that all share."""
    folder = os.environ.get(SHARED_FOLDER)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else ():
        pid = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
