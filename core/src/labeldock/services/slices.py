"""What a slice of a run belongs to: log lines with one id, spans in one trace.

Who asked for a run is written on its row, so that it is known whoever does the work,
and however they came to know of it. The first slice goes on with the trace of the
request; each later one is a trace of its own, linked to it, since a run may take hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from labeldock import tracing
from labeldock.services.leases import Lease
from labeldock.telemetry import correlate
from labeldock.tracing import Span

_log = structlog.get_logger(__name__)


@contextmanager
def opened_slice(lease: Lease) -> Iterator[Span]:
    """What the block logs and records belongs to the run that is held."""
    origin = lease.origin.get("correlation_id")
    with correlate(origin, run_id=lease.run_id, storage_id=lease.storage_id) as known:
        attributes: dict[str, str | int] = {
            "labeldock.run.id": lease.run_id,
            "labeldock.run.kind": lease.kind,
            "labeldock.storage.id": lease.storage_id,
            "labeldock.correlation_id": known,
            "messaging.system": "dramatiq",
            "messaging.destination.name": lease.kind,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
        }
        with tracing.span(
            f"process {lease.kind}", attributes, kind="consumer", **_find_cause(lease)
        ) as span:
            if _is_first(lease):
                _log.info("run_started", kind=lease.kind, owner=lease.owner)
            yield span


def _is_first(lease: Lease) -> bool:
    """Whether nothing of a run was done yet."""
    return lease.part is None and not lease.checkpoint and not lease.attempts


def _find_cause(lease: Lease) -> dict[str, Any]:
    """The `parent` and the `links` of a slice's span."""
    asked: dict[str, str] = {
        name: lease.origin[name] for name in tracing.FIELDS if name in lease.origin
    }
    if not _is_first(lease):
        return {"parent": {}, "links": [asked]}
    # The message that woke us may be of the same request, and is nearer.
    if tracing.is_same_trace(tracing.inject(), asked):
        return {"parent": None}
    return {"parent": asked}
