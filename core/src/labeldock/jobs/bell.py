"""Rings through the broker, so that a worker need not wait for its next poll."""

from __future__ import annotations

from dataclasses import replace

import dramatiq
import structlog
from dramatiq.errors import BrokerError
from redis.exceptions import RedisError

from labeldock.services.context import AppContext

_log = structlog.get_logger(__name__)


class BrokerBell:
    """Sends the messages that the actors listen for.

    It knows them by name only, so that a web process need not declare them. A broker
    that is away costs a poll's wait, and never a request.
    """

    def __init__(self, broker: dramatiq.Broker) -> None:
        """Ring on this broker."""
        self._broker = broker

    def ring_run(self, run_id: int, kind: str) -> None:
        """A run of this kind wants work."""
        self._send(kind, f"{kind}_run", run_id)

    def ring_delivery(self, storage_id: int) -> None:
        """An export storage has something to deliver."""
        self._send("delivery", "deliver", storage_id)

    def _send(self, queue: str, actor: str, number: int) -> None:
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=queue, actor_name=actor, args=(number,), kwargs={}, options={}
        )
        try:
            self._broker.declare_queue(queue)
            self._broker.enqueue(message)
        except (BrokerError, RedisError) as error:  # Dramatiq lets Redis's own out
            _log.warning("broker_unreachable", actor=actor, reason=type(error).__name__)


def attach_bell(app: AppContext, broker: dramatiq.Broker) -> AppContext:
    """The same parts, ringing on this broker."""
    return replace(app, bell=BrokerBell(broker))
