"""Structured logs: one line per event, a correlation id, and no secrets.

Modules log with `structlog.get_logger()`; the standard library's loggers (uvicorn,
dramatiq, alembic, the plug-in host) come out in the same shape.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final, TextIO

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
_CONNECTION_STRING: Final = re.compile(
    r"((?:AccountKey|SharedAccessSignature)=)[^;\s\"']+", re.IGNORECASE
)
_PASSWORD: Final = re.compile(r"(://[^\s/:@\"']*:)[^\s/@\"']+(?=@)")
_SECRETS: Final = (_SIGNED_QUERY, _CONNECTION_STRING, _PASSWORD)
HIDDEN: Final = "<hidden>"
_SIGNING: Final = ("azure", "boto3", "botocore", "google", "requests", "urllib3")


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
    keep_signatures_out()


def keep_signatures_out() -> None:
    """Never log what the clouds' libraries say at DEBUG: signed URLs are in it."""
    for library in _SIGNING:
        logger = logging.getLogger(library)
        logger.setLevel(max(logger.level, logging.INFO))


def _renderers(settings: Settings) -> list[Any]:  # structlog's processor types
    wants_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    if wants_json:
        return [
            structlog.processors.format_exc_info,
            redact,  # again: foreign errors put signed URLs into their messages
            structlog.processors.JSONRenderer(),
        ]
    return [structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback)]


def _write_traceback(stream: TextIO, exc_info: Any) -> None:  # structlog's own type
    text = StringIO()
    # Plain, since rich tracebacks would print locals.
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(hide_secrets(text.getvalue()))


def redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide values whose name says secret, and the secrets within texts."""
    for name, value in event.items():
        event[name] = _hide(name, value)
    return event


def hide_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values to store or show: hidden where their name or a text says secret."""
    return {name: _hide(name, value) for name, value in values.items()}


def _hide(name: str, value: Any) -> Any:  # whatever is logged
    if name != "event" and _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, Mapping):
        return {key: _hide(str(key), inner) for key, inner in value.items()}
    # No tuples: `exc_info` is one, and is rendered later.
    return [_hide(name, each) for each in value] if isinstance(value, list) else value


def hide_secrets(text: str) -> str:
    """A text without the signatures, account keys and passwords of URLs in it."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def new_correlation_id() -> str:
    """A short random word that joins the log lines of one request or slice."""
    return secrets.token_hex(8)


def find_correlation_id() -> str:
    """The correlation id of what is being done now; empty outside `correlate`."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


@contextmanager
def correlate(correlation_id: str | None = None, **names: Any) -> Iterator[str]:
    """Give every log line inside the block this correlation id and these names."""
    chosen = correlation_id or new_correlation_id()
    with structlog.contextvars.bound_contextvars(correlation_id=chosen, **names):
        yield chosen
