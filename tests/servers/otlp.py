"""A collector of traces: takes OTLP over HTTP as any does, and shows what came."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PATH = "/v1/traces"


@dataclass(frozen=True)
class SeenSpan:
    """A span as it was sent; numbers in hexadecimal, and no parent is empty."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[str]
    failed: bool
    events: int
    resource: dict[str, Any]

    @property
    def service(self) -> str:
        return str(self.resource["service.name"])


@dataclass
class Collector:
    """What came in; `status` is what is answered."""

    url: str = ""
    status: int = 200
    requests: list[dict[str, str]] = field(default_factory=list)
    _spans: list[SeenSpan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spans(self) -> list[SeenSpan]:
        with self._lock:
            return list(self._spans)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.requests.append(headers)
            for group in sent.resource_spans:
                resource = _read_all(group.resource.attributes)
                for scope in group.scope_spans:
                    self._spans += [_read_span(each, resource) for each in scope.spans]


def _read_span(span: Span, resource: dict[str, Any]) -> SeenSpan:
    return SeenSpan(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_read_all(span.attributes),
        links=[link.trace_id.hex() for link in span.links],
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        events=len(span.events),
        resource=resource,
    )


def _read_all(pairs: list[KeyValue]) -> dict[str, Any]:
    return {pair.key: _read(pair.value) for pair in pairs}


def _read(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def run_collector() -> Iterator[Collector]:
    """A collector on a free port of this machine."""
    collector = Collector()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _build_handler(collector))
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _build_handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = collector.status if self.path == PATH else 404
            if status == 200:
                headers = {k.lower(): v for k, v in self.headers.items()}
                collector.take(headers, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Silence."""

    return Handler
