"""What waits to be done, as the database knows it: for whoever watches the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlmodel import Session, col, func, select

from labeldock.db.columns import utc_now
from labeldock.db.messages import WebhookDelivery
from labeldock.db.tables import ACTIVE_RUN_STATES, Outbox, Run
from labeldock.services.context import AppContext


@dataclass(frozen=True, slots=True)
class Queue:
    """Work of one kind that is due and that nobody does yet.

    Attributes:
        name: the kind of run, `delivery` or `webhook`.
        depth: how much of it there is.
        age: how long the oldest has been due, in seconds; 0.0 if there is none.
    """

    name: str
    depth: int
    age: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and which runs are not at their end: (kind, state) -> how many."""

    queues: tuple[Queue, ...]
    runs: dict[tuple[str, str], int]


def read_backlog(app: AppContext) -> Backlog:
    """Ask the database; every count goes by an index that holds open work alone."""
    with app.database.read() as session:
        waiting = {queue.name: queue for queue in _iterate_queues(session)}
        return Backlog(tuple(waiting.values()), _count_runs(session))


def _iterate_queues(session: Session) -> Iterator[Queue]:
    now = utc_now()
    runs = (
        select(col(Run.kind), func.count(), func.min(col(Run.due_at)))
        .where(col(Run.state).in_(ACTIVE_RUN_STATES), col(Run.lease_owner) == "")
        .where(col(Run.due_at) <= now)
        .group_by(col(Run.kind))
    )
    for kind, depth, oldest in session.execute(runs):
        yield _build_queue(kind, depth, oldest, now)
    deliveries = select(func.count(), func.min(col(Outbox.due_at))).where(
        col(Outbox.delivered_version) < col(Outbox.wanted_version),
        col(Outbox.due_at) <= now,
    )
    depth, oldest = session.execute(deliveries).one()
    yield _build_queue("delivery", depth, oldest, now)
    webhooks = select(func.count(), func.min(col(WebhookDelivery.due_at))).where(
        col(WebhookDelivery.state) == "waiting", col(WebhookDelivery.due_at) <= now
    )
    depth, oldest = session.execute(webhooks).one()
    yield _build_queue("webhook", depth, oldest, now)


def _build_queue(
    name: str, depth: int, oldest: datetime | None, now: datetime
) -> Queue:
    age = (now - oldest).total_seconds() if oldest is not None else 0.0
    return Queue(name, depth, max(0.0, age))


def _count_runs(session: Session) -> dict[tuple[str, str], int]:
    query = (
        select(col(Run.kind), col(Run.state), func.count())
        .where(col(Run.state).in_(ACTIVE_RUN_STATES))
        .group_by(col(Run.kind), col(Run.state))
    )
    return {(kind, state): n for kind, state, n in session.execute(query)}


class BacklogCollector(Collector):
    """The same for Prometheus, asked for at each look."""

    def __init__(self, app: AppContext) -> None:
        """Take the database to ask."""
        self._app = app

    def describe(self) -> list[GaugeMetricFamily]:
        """The families without their values."""
        return [family for family, _ in build_families()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families with their values."""
        backlog = read_backlog(self._app)
        depth, age, runs = self.describe()
        for queue in backlog.queues:
            depth.add_metric([queue.name], queue.depth)
            age.add_metric([queue.name], queue.age)
        for (kind, state), number in backlog.runs.items():
            runs.add_metric([kind, state], number)
        yield from (depth, age, runs)


def build_families() -> list[tuple[GaugeMetricFamily, tuple[str, ...]]]:
    """What is told of the backlog: families and their labels."""
    return [
        _build_family("queue_depth", "Work that is due and that nobody does.", "queue"),
        _build_family(
            "queue_age_seconds", "How long the oldest of it has been due.", "queue"
        ),
        _build_family("runs", "Runs that are not at their end.", "kind", "state"),
    ]


def _build_family(
    name: str, text: str, *labels: str
) -> tuple[GaugeMetricFamily, tuple[str, ...]]:
    return GaugeMetricFamily(f"labeldock_{name}", text, labels=labels), labels
