"""Structured logs: one line per event, a correlation id, and no secrets.

Modules log with `structlog.get_logger()`; the standard library's loggers (uvicorn,
dramatiq, alembic, the plug-in host) come out in the same shape.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog

from labeldock.settings import Settings

_SECRET_NAME: Final = re.compile(
    r"secret|password|token|credential|authori[sz]ation|cookie|account_key|signature",
    re.IGNORECASE,
)
_SIGNED_QUERY: Final = re.compile(
    r"([?&](?:X-Amz-[\w-]+|X-Goog-[\w-]+|sig|se|sp|sv|sr|Signature|AWSAccessKeyId"
    r"|GoogleAccessId|token|signature)=)[^&\s\"']+",
    re.IGNORECASE,
)
HIDDEN: Final = "<hidden>"


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process to standard error, in one shape."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for chatty in ("alembic", "dramatiq", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _renderers(settings: Settings) -> list[Any]:  # structlog's processor types
    wants_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    if wants_json:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    plain = structlog.dev.plain_traceback  # rich tracebacks would print locals
    return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]


def redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide values whose name says secret, and the signatures in URLs."""
    for name, value in event.items():
        if name != "event" and _SECRET_NAME.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = _SIGNED_QUERY.sub(rf"\1{HIDDEN}", value)
    return event


def new_correlation_id() -> str:
    """A short random word that joins the log lines of one request or slice."""
    return secrets.token_hex(8)


@contextmanager
def correlate(correlation_id: str | None = None, **names: Any) -> Iterator[str]:
    """Give every log line inside the block this correlation id and these names."""
    chosen = correlation_id or new_correlation_id()
    with structlog.contextvars.bound_contextvars(correlation_id=chosen, **names):
        yield chosen
