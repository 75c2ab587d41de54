"""What a client is told when there is no media to give: a status and a stable code.

What a storage or its provider says is for the log alone. The statuses differ from those
of the API, whose clients repeat a request on 409 and 5xx: these here go to browsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from starlette.responses import Response

from labeldock.contract import errors
from labeldock.contract.errors import LabeldockError, RequestError
from labeldock.web.problems import build_answer, find_status
from labeldock.web.rendering import render_json

_log = structlog.get_logger(__name__)

STATUSES: Final[Mapping[type[LabeldockError], int]] = {
    errors.LabeldockError: 500,
    errors.ConfigurationError: 424,
    errors.PluginError: 424,
    errors.StorageError: 424,
    errors.ObjectNotFound: 404,
    errors.InvalidKey: 404,
    errors.PreconditionFailed: 412,
    errors.InvalidRange: 416,
    errors.RateLimited: 429,
    errors.OperationTimeout: 504,
}
"""Where it is not the API's status that fits; a kind not listed goes by its base."""

_TEXTS: Final = {
    404: "There is no such object in the storage.",
    412: "The object is not the one that the request's conditions are about.",
    416: "The object has no byte in the range.",
    424: "The storage did not deliver the object; the log says why.",
    429: "The storage asks to slow down.",
    500: "Something went wrong here; the log says what.",
    504: "The storage did not answer in time.",
}
BUSY_SECONDS: Final = 1


def render_error(error: LabeldockError, correlation_id: str) -> Response:
    """The answer to an error."""
    status = find_media_status(error)
    if isinstance(error, RequestError):
        detail = _tell(error)
    else:
        detail = _TEXTS[status]
        _log_failure(error, status)
    body = {
        "status_code": status,
        "code": error.code,
        "detail": detail,
        "correlation_id": correlation_id,
    }
    return render_json(body, status, build_answer(error, correlation_id).headers)


def render_busy(correlation_id: str) -> Response:
    """The answer while as many streams are open as may be."""
    body = {
        "status_code": 503,
        "code": "busy",
        "detail": "Too many media streams are open; try again in a moment.",
        "correlation_id": correlation_id,
    }
    return render_json(body, 503, {"Retry-After": str(BUSY_SECONDS)})


def find_media_status(error: LabeldockError) -> int:
    """The status that tells of an error where media were asked for."""
    if isinstance(error, RequestError):
        return find_status(error)
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _tell(error: RequestError) -> str:
    return f"{error.message} {error.remedy}" if error.remedy else error.message


def _log_failure(error: LabeldockError, status: int) -> None:
    _log.warning(
        "media_not_served",
        status=status,
        code=error.code,
        reason=error.message,
        storage_id=getattr(error, "storage_id", None),
        key=getattr(error, "key", None),
    )
