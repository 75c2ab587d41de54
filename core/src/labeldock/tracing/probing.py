"""Whether a collector takes what would be sent to it; for `labeldock doctor`."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


@dataclass
class Answer:
    """What came of it: an HTTP status, or the name of what went wrong."""

    address: str = ""
    status: int = 0
    failure: str = ""

    @property
    def is_good(self) -> bool:
        """Whether spans would be taken."""
        return 200 <= self.status < 300


class _NotedSession(requests.Session):  # type: ignore[misc]  # untyped
    """Notes what became of the last request."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = Answer()

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> Any:
        self.answer.address = _name(str(url))
        try:
            response = super().request(method, url, *args, **more)
        except requests.RequestException as error:
            self.answer.failure = type(error).__name__
            raise
        self.answer.status = response.status_code
        return response


def _name(url: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"


def ask_collector(seconds: float) -> Answer:
    """Send no spans, just as spans would be sent."""
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    with _NotedSession() as session:
        exporter = OTLPSpanExporter(timeout=seconds, session=session)
        exporter.export(())
        exporter.shutdown()  # type: ignore[no-untyped-call]
        answer: Answer = session.answer
    return answer


def is_disabled() -> bool:
    """Whether OpenTelemetry's own switch is off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
