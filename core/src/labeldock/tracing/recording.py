"""Spans kept by OpenTelemetry's SDK and sent by OTLP over HTTP.

The provider is our own and not OpenTelemetry's global one: libraries that find that one
record by themselves, and the clouds' libraries would record addresses with signatures.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.metadata import version
from typing import Final

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from labeldock.contract.errors import ConfigurationError
from labeldock.tracing import Attributes, Carrier, Kind, Span

MOST_CALLS: Final = 100
"""Calls that a span shows; what a slice reads may be many thousand objects."""
LEFT_OUT: Final = "labeldock.calls.left_out"
_CLOSE_SECONDS: Final = 3.0
_UNNAMED: Final = "unknown_service"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class RecordedSpan:
    """A span that is open."""

    def __init__(self, span: trace.Span) -> None:
        """Nothing was called within it yet."""
        self._span = span
        self.calls = 0  # by several threads, so about

    def rename(self, name: str) -> None:
        """Call it differently."""
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        """Say that it failed, with no more than a word: texts may hold a secret."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def close(self) -> None:
        """Say how much is not shown."""
        if self.calls > MOST_CALLS:
            self._span.set_attribute(LEFT_OUT, self.calls - MOST_CALLS)


_around: ContextVar[RecordedSpan | None] = ContextVar("labeldock_span", default=None)


class OtelRecorder:
    """See `labeldock.tracing.Recorder`."""

    def __init__(self, provider: TracerProvider, exporter: OTLPSpanExporter) -> None:
        """Record with this provider, which sends by this exporter."""
        self._provider, self._exporter = provider, exporter
        self._tracer = provider.get_tracer("labeldock", version("labeldock"))

    @contextmanager
    def open(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        parent: Carrier | None,
        links: Sequence[Carrier],
    ) -> Iterator[Span]:
        """A span around a block; what is raised in it makes it a failed one."""
        with self._tracer.start_as_current_span(
            name,
            context=None if parent is None else _PROPAGATOR.extract(parent, Context()),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[link for link in map(_build_link, links) if link],
            record_exception=False,  # its text may hold a secret
            set_status_on_exception=False,
        ) as span:
            recorded = RecordedSpan(span)
            token = _around.set(recorded)
            try:
                yield recorded
            except BaseException as error:
                recorded.fail(str(getattr(error, "code", type(error).__name__)))
                raise
            finally:
                _around.reset(token)
                recorded.close()

    def open_call(
        self, name: str, attributes: Attributes
    ) -> AbstractContextManager[object]:
        """A span around one of perhaps very many calls."""
        around = _around.get()
        if around is None:
            return self.open(name, "client", attributes, None, ())
        around.calls += 1
        if around.calls > MOST_CALLS:
            return nullcontext()
        return self.open(name, "client", attributes, None, ())

    @contextmanager
    def resume(self, carrier: Carrier) -> Iterator[None]:
        """Go on, in the block, with what was begun elsewhere."""
        token = current.attach(_PROPAGATOR.extract(carrier, Context()))
        try:
            yield
        finally:
            current.detach(token)

    def inject(self) -> dict[str, str]:
        """The present span, for others."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier

    def find_ids(self) -> tuple[str, str] | None:
        """The numbers of the present trace and span, as they are written."""
        ids = trace.get_current_span().get_span_context()
        if not ids.is_valid:
            return None
        return trace.format_trace_id(ids.trace_id), trace.format_span_id(ids.span_id)

    def close(self) -> None:
        """Send what is left, for some seconds at most: a collector may be away."""
        sending = threading.Thread(target=self._provider.shutdown, name="traces-end")
        sending.daemon = True
        sending.start()
        sending.join(_CLOSE_SECONDS)
        if sending.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


def _build_link(carrier: Carrier) -> Link | None:
    found = _PROPAGATOR.extract(carrier, Context())
    context = trace.get_current_span(found).get_span_context()
    return Link(context) if context.is_valid else None


def build_recorder(service: str) -> OtelRecorder:
    """What records, with what the OTEL_* variables say.

    Raises:
        ConfigurationError: a variable is wrong.
    """
    # While a collector is away it would tell of each time that it tries again.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    try:
        exporter = OTLPSpanExporter()
        provider = TracerProvider(resource=_name(service), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError as error:
        raise ConfigurationError(
            f"A variable of OpenTelemetry is wrong: {error}",
            field="OTEL_*",
            remedy="Correct it, or unset LABELDOCK_TRACES.",
        ) from error
    return OtelRecorder(provider, exporter)


def _name(service: str) -> Resource:
    """What these spans come from; what the operator says about it wins."""
    chosen = Resource.create()
    ours = {
        "service.version": version("labeldock"),
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
    if str(chosen.attributes.get("service.name", _UNNAMED)).startswith(_UNNAMED):
        chosen = chosen.merge(Resource({"service.name": service}))
    return Resource(ours).merge(chosen)
