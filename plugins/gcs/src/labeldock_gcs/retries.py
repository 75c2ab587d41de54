"""When a request is sent again: soon, a few times, and only where that is right.

Google's library would go on for two minutes, and after a time limit too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labeldock_gcs.options import GcsOperatorOptions

_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_NOT_DONE: Final = frozenset({429})

IsPassing = Callable[[BaseException], bool]


def build_retry(operator: GcsOperatorOptions, is_passing: IsPassing) -> Any:
    """A retry of the SDK's kind for one request; it counts, so it is used once."""
    # PLC0415 here and below: the SDK is imported on first use, not at the start.
    from google.api_core.retry import Retry  # noqa: PLC0415

    attempts = _Attempts(operator.max_attempts, is_passing)
    return Retry(predicate=attempts, initial=0.2, maximum=2.0, timeout=None)


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment.

    A time limit that has passed has used up the time there was, and an answer that
    says when to come back is passed on.
    """
    status = _find_status(error)
    if status is not None:
        return status in _PASSING and not _says_when(error)
    return _is_broken_connection(error)


def is_not_done(error: BaseException) -> bool:
    """Whether it may succeed in a moment, and surely had no effect so far.

    For conditional writes: sent again after one that was done, they would fail on
    their own success.
    """
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415

    status = _find_status(error)
    if status is not None:
        return status in _NOT_DONE and not _says_when(error)
    cause = _unwrap(error)
    reason = getattr(cause.args[0] if cause.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)


class _Attempts:
    """Counts the failures of one request."""

    def __init__(self, limit: int, is_passing: IsPassing) -> None:
        self._left = limit
        self._is_passing = is_passing

    def __call__(self, error: BaseException) -> bool:
        self._left -= 1
        return self._left > 0 and self._is_passing(error)


def _find_status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "code", None)
    return int(status) if isinstance(status, int) else None


def _says_when(error: BaseException) -> bool:
    response = getattr(error, "response", None)
    return "Retry-After" in getattr(response, "headers", {})


def _is_broken_connection(error: BaseException) -> bool:
    from requests import exceptions  # noqa: PLC0415

    cause = _unwrap(error)
    broken = (exceptions.ConnectionError, exceptions.ChunkedEncodingError)
    hopeless = (exceptions.SSLError, exceptions.Timeout)
    return isinstance(cause, broken) and not isinstance(cause, hopeless)


def _unwrap(error: BaseException) -> BaseException:
    """What is inside a TransportError of google-auth."""
    inner = error.args[0] if error.args else None
    if type(error).__name__ == "TransportError" and isinstance(inner, BaseException):
        return inner
    return error
