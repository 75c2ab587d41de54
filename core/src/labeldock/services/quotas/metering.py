"""What teams use beside their limits, for whoever watches the service."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from labeldock.services.context import AppContext
from labeldock.services.quotas.managing import list_limited

_LABELS = ("team", "limit")


class LimitCollector(Collector):
    """Limits that count, and their use; asked of the database at each look."""

    def __init__(self, app: AppContext) -> None:
        """Take the database to ask."""
        self._app = app

    def describe(self) -> list[GaugeMetricFamily]:
        """The families without their values."""
        return [family for family, _ in build_families()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families with their values."""
        used, most = self.describe()
        for team, view in list_limited(self._app):
            labels = [str(team), view.name.value]
            used.add_metric(labels, view.used)
            most.add_metric(labels, view.limit)
        yield from (used, most)


def build_families() -> list[tuple[GaugeMetricFamily, tuple[str, ...]]]:
    """What is told of limits: families and their labels."""
    texts = {
        "used": "What a team uses of something that it has a limit of.",
        "limit": "Most that the team may use of it.",
    }
    return [
        (GaugeMetricFamily(f"labeldock_team_{name}", text, labels=_LABELS), _LABELS)
        for name, text in texts.items()
    ]
