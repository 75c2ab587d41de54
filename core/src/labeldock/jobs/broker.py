"""The broker: Dramatiq on Redis, or in memory inside this process.

Messages only say that there may be work; the database says what it is. So both kinds
may lose messages, and neither retries: attempts are counted on the run's row.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, ShutdownNotifications
from dramatiq.middleware.middleware import Middleware

from labeldock.settings import Settings

_KEPT_DEAD_LETTERS: Final = 100
MESSAGE_AGE: Final = 60 * 60 * 1000
"""Milliseconds after which a message is dropped; the poll found the work long ago."""


class InMemoryBroker(StubBroker):
    """Dramatiq's in-memory broker, with dead letters that do not pile up."""

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 100
    ) -> dramatiq.Consumer:
        """A consumer whose dead letters are kept in a short queue."""
        consumer = super().consume(queue_name, prefetch, timeout)
        letters: Any = deque(maxlen=_KEPT_DEAD_LETTERS)
        consumer.dead_letters = letters  # type: ignore[attr-defined]
        return consumer


def build_broker(settings: Settings) -> dramatiq.Broker:
    """The broker that the settings ask for; nothing is connected yet."""
    if settings.is_embedded:
        return InMemoryBroker(middleware=_build_middleware())
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415  not for embedded

    return RedisBroker(  # type: ignore[no-untyped-call]
        url=settings.broker_url,
        middleware=_build_middleware(),
        namespace="labeldock",
        dead_message_ttl=MESSAGE_AGE,
    )


def _build_middleware() -> list[Middleware]:
    # Neither Retries nor TimeLimit: a slice ends by itself, attempts live on the run,
    # and an exception thrown into a thread would strike inside `finally` blocks.
    return [
        AgeLimit(max_age=MESSAGE_AGE),
        ShutdownNotifications(notify_shutdown=False),
        Callbacks(),
        Pipelines(),
    ]
