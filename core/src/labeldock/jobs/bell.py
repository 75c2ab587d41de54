"""Rings through the broker, so that a worker need not wait for its next poll."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Final

import dramatiq
import structlog
from dramatiq.errors import BrokerError

from labeldock import telemetry, tracing
from labeldock.services.context import AppContext

CARRIED: Final = "context"
"""The argument of messages that says what they belong to."""
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
        try:
            with _sending(queue):
                message = _build_message(queue, actor, number)
                self._broker.declare_queue(queue)
                self._broker.enqueue(message)
        except _list_failures() as error:
            _log.warning("broker_unreachable", actor=actor, reason=type(error).__name__)


def _list_failures() -> tuple[type[Exception], ...]:
    """What a broker that is away raises; asked for once something was raised."""
    from redis.exceptions import RedisError  # noqa: PLC0415  8 MB that embedded spares

    return BrokerError, RedisError  # Dramatiq lets Redis's own out


def _build_message(queue: str, actor: str, number: int) -> dramatiq.Message[None]:
    """The message; with it goes whose log lines and trace the work belongs to."""
    carried = telemetry.carry()
    return dramatiq.Message(
        queue_name=queue,
        actor_name=actor,
        args=(number,),
        kwargs={CARRIED: carried} if carried else {},
        options={},
    )


def _sending(queue: str) -> AbstractContextManager[object]:
    """A span, if it is for something that is recorded: polls ring all the time."""
    if not tracing.inject():
        return nullcontext()
    attributes = {
        "messaging.system": "dramatiq",
        "messaging.destination.name": queue,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    return tracing.span(f"send {queue}", attributes, kind="producer")


def attach_bell(app: AppContext, broker: dramatiq.Broker) -> AppContext:
    """The same parts, ringing on this broker."""
    return replace(app, bell=BrokerBell(broker))
