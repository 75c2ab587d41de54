"""What is noted of each call of a provider: counted, logged, and in the trace.

Every call is a line at DEBUG. One that failed is a line at WARNING, unless it is an
answer ("there is no such object"), or the same failed a moment ago for the same request
or run: a bucket that refuses ten thousand reads is not told of ten thousand times.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

import structlog

from labeldock import telemetry, tracing
from labeldock.host.guard import Call
from labeldock.metrics import Meter

ANSWERS: Final = frozenset({
    "cursor_expired", "invalid_key", "invalid_range", "not_supported",
    "object_not_found", "precondition_failed",
})  # fmt: skip
"""Outcomes that tell something of an object, and nothing is wrong."""
HUSH_SECONDS: Final = 30.0
_MOST_KNOWN: Final = 1000
_level: Final = logging.getLogger(__name__)
_log = structlog.get_logger(__name__)


class _Failure(NamedTuple):
    correlation_id: str
    storage_id: int | None
    operation: str
    outcome: str


class ProviderCalls:
    """Told of each call by the host; see `labeldock.host.guard.CallMeter`."""

    def __init__(self) -> None:
        """Trace them if traces are on, which is decided before."""
        self._meter = Meter()
        self._told: dict[_Failure, tuple[float, int]] = {}
        self._guard = threading.Lock()
        self.spans = open_span if tracing.is_on() else None

    def __call__(self, call: Call, outcome: str, seconds: float) -> None:
        """Note a call that has ended."""
        self._meter(call.provider, call.operation, outcome, seconds)
        if outcome != "ok" and outcome not in ANSWERS and self._warn(call, outcome):
            return
        if _level.isEnabledFor(logging.DEBUG):
            _log.debug(
                "provider_called",
                provider=call.provider,
                operation=call.operation,
                storage_id=call.storage_id,
                outcome=outcome,
                ms=round(seconds * 1000, 1),
            )

    def _warn(self, call: Call, outcome: str) -> bool:
        """Log a failure; whether that was done."""
        correlation_id = telemetry.find_correlation_id()
        if not correlation_id:  # at a terminal, where the command itself says so
            return False
        failure = _Failure(correlation_id, call.storage_id, call.operation, outcome)
        hushed = self._note(failure)
        if hushed is None:
            return False
        more: dict[str, Any] = {"hushed": hushed} if hushed else {}
        _log.warning(
            "provider_call_failed",
            provider=call.provider,
            operation=call.operation,
            storage_id=call.storage_id,
            outcome=outcome,
            **more,
        )
        return True

    def _note(self, failure: _Failure) -> int | None:
        """How many like it were not told of since the last one; None: nor is this."""
        now = time.monotonic()
        with self._guard:
            told, hushed = self._told.pop(failure, (float("-inf"), 0))
            is_new = now - told >= HUSH_SECONDS
            self._told[failure] = (now, 0) if is_new else (told, hushed + 1)
            while len(self._told) > _MOST_KNOWN:
                del self._told[next(iter(self._told))]
        return hushed if is_new else None


def open_span(call: Call) -> AbstractContextManager[object]:
    """The span of a call."""
    attributes: dict[str, str | int] = {
        "labeldock.provider": call.provider,
        "labeldock.operation": call.operation,
    }
    if call.storage_id is not None:
        attributes["labeldock.storage.id"] = call.storage_id
    return tracing.open_call(f"{call.operation} {call.provider}", attributes)
