"""Structured logs: one line per event, a correlation id, and no secrets.

Modules log with `structlog.get_logger()`; the standard library's loggers (uvicorn,
dramatiq, alembic, the plug-in host), warnings and what ends a thread come out in the
same shape. A correlation id goes with work into threads (`CorrelatedPool`), into
messages (`carry`, `resume`) and onto rows (`begin_work`).
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from functools import partial
from io import StringIO
from typing import Any, Final, ParamSpec, TextIO, TypeVar

import structlog

from labeldock import tracing
from labeldock.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

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
# As headers and settings look when a library prints them.
_HEADER: Final = re.compile(
    r"((?:authorization|(?:set-)?cookie)['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\r\n]+",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"((?:(?:secret_access_key|session_token|account_key|sas_token|client_secret"
    r"|refresh_token|access_token|password)(?:['\"]\s*[:=]|=)"
    r"|(?:\bSignature|x-amz-security-token|x-goog-api-key)['\"]?\s*[:=])"
    r"\s*(?:b?['\"])?)[^'\"\s,;&}]+",
    re.IGNORECASE,
)
_PRIVATE_KEY: Final = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]+")
_SECRETS: Final = (
    _SIGNED_QUERY,
    _CONNECTION_STRING,
    _PASSWORD,
    _HEADER,
    _NAMED,
    _PRIVATE_KEY,
)
HIDDEN: Final = "<hidden>"
_CORRELATION_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_SIGNING: Final = ("azure", "boto3", "botocore", "google", "requests", "urllib3")


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process to standard error, in one shape."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        *([tracing.name_trace] if settings.traces else []),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
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


def log_all_that_is_said() -> None:
    """Log warnings, and what ends a thread or the process, as any other event."""
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda *failure: _log_failure("process_crashed", failure)
    threading.excepthook = lambda told: _log_failure(
        "thread_crashed",
        (told.exc_type, told.exc_value, told.exc_traceback),
        thread=told.thread.name if told.thread else "",
    )


def _log_failure(event: str, failure: Any, **names: str) -> None:  # an exc_info
    if issubclass(failure[0], KeyboardInterrupt | SystemExit):
        return
    structlog.get_logger(__name__).critical(event, exc_info=failure, **names)


def keep_signatures_out() -> None:
    """Never log what the clouds' libraries say at DEBUG.

    It is signed URLs, headers and the bodies of requests, which are people's data.
    """
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


# What belongs together


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


def pick_correlation_id(given: object) -> str | None:
    """A correlation id from elsewhere, if it can be one."""
    is_usable = isinstance(given, str) and _CORRELATION_ID.fullmatch(given)
    return str(given) if is_usable else None


def carry() -> dict[str, str]:
    """What goes with work that is handed to others: correlation id and span."""
    correlation_id = find_correlation_id()
    span = tracing.inject()
    return {"correlation_id": correlation_id, **span} if correlation_id else span


def begin_work() -> dict[str, str]:
    """The same, to be written down with the work; there is a correlation id always."""
    return {"correlation_id": new_correlation_id(), **carry()}


@contextmanager
def resume(carried: object) -> Iterator[None]:
    """Go on with what came with work; what cannot be understood is passed over."""
    known = carried if isinstance(carried, Mapping) else {}
    spans = {n: str(known[n]) for n in tracing.FIELDS if known.get(n)}
    correlation_id = pick_correlation_id(known.get("correlation_id"))
    joined = correlate(correlation_id) if correlation_id else nullcontext()
    with tracing.resume(spans), joined:
        yield


class CorrelatedPool(ThreadPoolExecutor):
    """A pool whose threads log, and record, in the context of who submits."""

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """See `Executor.submit`."""
        return super().submit(copy_context().run, partial(fn, *args, **kwargs))
