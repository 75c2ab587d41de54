"""Traces: which request caused which work, and where the time went.

They are off unless the operator asks for them (`LABELDOCK_TRACES`). While they are off
nothing of OpenTelemetry is imported, and what is here does nothing;
`labeldock.tracing.recording` stands behind it once they are on.

Attributes are names, numbers and codes: never an address, a key or anything of a task.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, Protocol

from labeldock.contract.errors import ConfigurationError
from labeldock.settings import Settings

Attributes = Mapping[str, str | int | float | bool]
Carrier = Mapping[str, str]
"""W3C Trace Context, as headers have it: `traceparent` and perhaps `tracestate`."""
Kind = Literal["internal", "server", "client", "producer", "consumer"]
FIELDS: Final = ("traceparent", "tracestate")


class Span(Protocol):
    """What goes on while a block runs."""

    def rename(self, name: str) -> None:
        """Call it differently, now that more is known."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""

    def fail(self, kind: str) -> None:
        """Say that it failed: the code of the error, or its type."""


class Recorder(Protocol):
    """What keeps spans and sends them away."""

    def open(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        parent: Carrier | None,
        links: Sequence[Carrier],
    ) -> AbstractContextManager[Span]:
        """A span around a block."""

    def open_call(
        self, name: str, attributes: Attributes
    ) -> AbstractContextManager[object]:
        """A span around one of perhaps very many calls."""

    def resume(self, carrier: Carrier) -> AbstractContextManager[object]:
        """Go on, in the block, with what was begun elsewhere."""

    def inject(self) -> dict[str, str]:
        """The present span, for others."""

    def find_ids(self) -> tuple[str, str] | None:
        """The numbers of the present trace and span."""

    def close(self) -> None:
        """Send what is left, for some seconds at most."""


class _NoSpan:
    """Nobody watches."""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def note(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


_NOWHERE: Final[AbstractContextManager[Span]] = nullcontext(_NoSpan())
_recorder: Recorder | None = None  # of this process, as the log and the metrics are


def start(settings: Settings, service: str) -> None:
    """Record from now on, if the settings say so; OTEL_* variables say where to.

    Args:
        settings: the operator's.
        service: what the process is, unless OTEL_SERVICE_NAME says.

    Raises:
        ConfigurationError: the packages for it are not installed.
    """
    global _recorder  # noqa: PLW0603  one per process
    if settings.traces and _recorder is None:
        _recorder = load_recorder(service)


def load_recorder(service: str) -> Recorder:
    """What records, with the packages that it needs.

    Raises:
        ConfigurationError: they are not installed, or a variable is wrong.
    """
    try:
        from labeldock.tracing.recording import build_recorder  # noqa: PLC0415  off by default
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Traces need packages that are not installed ({error.name}).",
            field="LABELDOCK_TRACES",
            remedy="Install labeldock[traces], or unset LABELDOCK_TRACES.",
        ) from error
    return build_recorder(service)


def stop() -> None:
    """Send what is left, and record no more."""
    global _recorder
    ending, _recorder = _recorder, None
    if ending is not None:
        ending.close()


def is_on() -> bool:
    """Whether anything is recorded."""
    return _recorder is not None


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: Kind = "internal",
    parent: Carrier | None = None,
    links: Sequence[Carrier] = (),
) -> AbstractContextManager[Span]:
    """Record what the block does.

    Args:
        name: what it is, with few different values.
        attributes: what is known of it; named as OpenTelemetry's conventions have it.
        kind: which end of a call it is.
        parent: what caused it, in another process: None for the span around it, empty
            for nothing, which begins a trace.
        links: what else has to do with it, in other traces.
    """
    if _recorder is None:
        return _NOWHERE
    return _recorder.open(name, kind, attributes or {}, parent, links)


def open_call(name: str, attributes: Attributes) -> AbstractContextManager[object]:
    """Record one of perhaps very many calls; the span around it takes some of them."""
    return _recorder.open_call(name, attributes) if _recorder else _NOWHERE


def resume(carrier: Carrier) -> AbstractContextManager[object]:
    """Let what the block records belong to what was begun elsewhere."""
    return _recorder.resume(carrier) if _recorder and carrier else _NOWHERE


def inject() -> dict[str, str]:
    """The present span, to go on with elsewhere; empty outside of any."""
    return _recorder.inject() if _recorder else {}


def is_same_trace(one: Carrier, other: Carrier) -> bool:
    """Whether two spans are parts of one trace."""
    return _find_trace(one) == _find_trace(other) != ""


def _find_trace(carrier: Carrier) -> str:
    parts = carrier.get(FIELDS[0], "").split("-")
    return parts[1] if len(parts) > 1 else ""


def name_trace(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """For the log: say in which trace and span a line was written."""
    ids = _recorder.find_ids() if _recorder else None
    if ids is not None:
        event["trace_id"], event["span_id"] = ids
    return event
