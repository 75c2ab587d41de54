"""From an error to a status and a body; the only place that knows both.

Clients of Label Studio's SDK repeat a request on 408, 409, 429 and every 5xx. So what
repeating cannot help, a storage that does not answer above all, is never one of these.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException

from labeldock.contract import errors
from labeldock.contract.errors import InvalidInput, LabeldockError
from labeldock.contract.values import Problem
from labeldock.db.engine import is_outage
from labeldock.services.persistent.folder import NoSpace
from labeldock.services.quotas import QuotaExceeded
from labeldock.web.release import VERSION

_log = structlog.get_logger(__name__)

STATUSES: Final[Mapping[type[LabeldockError], int]] = {
    errors.LabeldockError: 500,  # no kind of its own: our mistake, told like one
    errors.ConfigurationError: 424,
    errors.RequestError: 400,
    errors.InvalidInput: 400,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotConnected: 409,
    errors.PluginError: 424,
    errors.PluginLoadError: 400,
    errors.ProviderClash: 400,
    errors.IncompatibleContract: 400,
    errors.UnknownProvider: 404,
    errors.ProviderUnavailable: 400,
    errors.ContractViolation: 424,
    errors.ProviderCrash: 424,
    errors.StorageError: 424,
    errors.ObjectNotFound: 404,
    # 401 and 403 are about who asks us; here it is the storage that refuses us.
    errors.ContainerNotFound: 400,
    errors.Unauthenticated: 400,
    errors.AccessDenied: 400,
    errors.PreconditionFailed: 412,
    errors.InvalidKey: 400,
    errors.InvalidRange: 416,
    errors.CursorExpired: 400,
    errors.TooLarge: 413,
    errors.IntegrityError: 424,
    errors.NotSupported: 400,
    errors.TransientStorageError: 424,
    errors.RateLimited: 424,
    errors.Unavailable: 424,
    errors.OperationTimeout: 424,
    NoSpace: 424,
    QuotaExceeded: 403,
}
"""Every kind of error. A kind that is not listed here is answered like its base."""

_PLUGIN_FAULTS: Final = (errors.ProviderCrash, errors.ContractViolation)
_AWAY: Final = "The database cannot be used at the moment; try again."
_RETRY_SECONDS: Final = 2
_LONGEST_DETAIL: Final = 300
_SORRY: Final = "Something went wrong here; the log says what."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told about an error, before it is JSON or a page."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


def build_answer(error: Exception, correlation_id: str) -> Answer:
    """The answer to any error that an endpoint, or the framework, raised."""
    if isinstance(error, HTTPException):
        return _answer_framework(error)
    if is_outage(error):
        return _answer_outage(error, correlation_id)
    if not isinstance(error, LabeldockError) or find_status(error) == 500:
        return _answer_unexpected(error, correlation_id)
    status = find_status(error)
    body = _describe(error, status)
    if isinstance(error, _PLUGIN_FAULTS):
        if correlation_id:  # the schema's examples have none, and are no failures
            _log.error("plugin_failed", exc_info=error, correlation_id=correlation_id)
        body["correlation_id"] = correlation_id
    return Answer(status, body, _find_headers(error))


def find_status(error: LabeldockError) -> int:
    """The status that tells of an error."""
    return find_kinds_status(type(error))


def find_kinds_status(kind: type[LabeldockError]) -> int:
    """The status that tells of errors of a kind: its own, or that of its base."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def _answer_framework(error: HTTPException) -> Answer:
    """No such path, no such method, or a body that is broken or too large."""
    detail = "Not found." if error.status_code == 404 else error.detail
    body = _build_envelope(error.status_code, detail)
    return Answer(error.status_code, body, error.headers or {})


def _answer_outage(error: Exception, correlation_id: str) -> Answer:
    """The database is away, e.g. restarted: the same request may succeed soon."""
    cause = getattr(error, "orig", None) or error
    _log.warning(
        "database_unavailable",
        reason=type(cause).__name__,
        detail=str(cause)[:_LONGEST_DETAIL],
        correlation_id=correlation_id,
    )
    body = _build_envelope(503, _AWAY)
    return Answer(503, body, {"Retry-After": str(_RETRY_SECONDS)})


def _answer_unexpected(error: Exception, correlation_id: str) -> Answer:
    """The log gets the text; the client is told where to find it.

    The text of a foreign error may hold anything, a credential too.
    """
    _log.error("request_failed", exc_info=error, correlation_id=correlation_id)
    body = _build_envelope(500, f"{_SORRY} Correlation id: {correlation_id}")
    return Answer(500, {**body, "correlation_id": correlation_id}, {})


def _describe(error: LabeldockError, status: int) -> dict[str, Any]:
    if isinstance(error, QuotaExceeded):  # a script may wait for it to be raised
        detail = _join(error.message, error.remedy)
        return _build_envelope(status, detail, code=error.code, field=error.field)
    if not isinstance(error, InvalidInput):
        return _build_envelope(status, _join(error.message, error.remedy))
    problems = error.problems or (Problem(error.field, error.message, error.remedy),)
    messages: dict[str, list[str]] = {}
    for problem in problems:
        field = problem.field or "non_field_errors"
        messages.setdefault(field, []).append(_join(problem.message, problem.remedy))
    return _build_envelope(status, "Validation error", validation_errors=messages)


def _build_envelope(status: int, detail: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "status_code": status,
        "version": VERSION,
        "detail": detail,
        "exc_info": None,
        **more,
    }


def _join(message: str, remedy: str | None) -> str:
    if not remedy:
        return message
    ended = message if message.endswith((".", "!", "?", ":")) else f"{message}."
    return f"{ended} {remedy}"


def _find_headers(error: LabeldockError) -> dict[str, str]:
    if isinstance(error, errors.NotAuthenticated):
        return {"WWW-Authenticate": "Token"}
    if isinstance(error, errors.InvalidRange):
        return {"Content-Range": f"bytes */{error.size}"}
    retry_after = getattr(error, "retry_after", None)
    return {"Retry-After": str(math.ceil(retry_after))} if retry_after else {}
