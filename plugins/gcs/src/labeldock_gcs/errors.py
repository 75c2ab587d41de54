"""From the SDK's errors to the contract's: by an answer's reason, its status, a class.

Texts are our own: the SDK's may hold addresses, and a server's whatever it likes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from labeldock.contract import (
    AccessDenied,
    InvalidRange,
    StorageError,
    TransientStorageError,
)
from labeldock_gcs.answers import find_header, read_message, read_reason
from labeldock_gcs.meanings import (
    CLASSES,
    CONNECTING,
    DELETING,
    LISTING,
    MESSAGES,
    READING,
    REASONS,
    SIGNING,
    STATUSES,
    WRITING,
    Action,
    Meaning,
)
from labeldock_gcs.tokens import find_token_meaning

__all__ = [
    "CONNECTING",
    "DELETING",
    "LISTING",
    "READING",
    "SIGNING",
    "WRITING",
    "find_meaning",
    "translate_errors",
]


def translate_errors(
    action: Action, key: str | None = None
) -> AbstractContextManager[None]:
    """Let only errors of the contract out; the SDK's is chained.

    Args:
        action: what is being done; says what a 404 or 403 means.
        key: the object that it is about.
    """
    return _Translation(action, key)


class _Translation(AbstractContextManager[None]):
    """Stands around every block that is read, so nothing is done where all is well."""

    __slots__ = ("_action", "_key")

    def __init__(self, action: Action, key: str | None) -> None:
        self._action = action
        self._key = key

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is not None and _is_of_sdk(error):
            meaning = find_meaning(error, self._action)
            raise _build(meaning, error, self._action, self._key) from error


def _is_of_sdk(error: BaseException) -> bool:
    # PLC0415: the SDK is imported on first use, not at the start.
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from google.cloud.storage.exceptions import (  # noqa: PLC0415
        DataCorruption,
        InvalidResponse,
    )
    from requests.exceptions import RequestException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    kinds = (
        GoogleAPIError,
        GoogleAuthError,
        DataCorruption,
        InvalidResponse,
        RequestException,
        HTTPError,
    )
    return isinstance(error, kinds)


def find_meaning(error: BaseException, action: Action) -> Meaning:
    """What an exception of the SDK comes to."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "code", None)
    if isinstance(status, int):
        return _find_by_answer(status, response, action)
    by_token = find_token_meaning(error)
    if by_token is not None:
        return by_token
    return _find_by_class(_find_cause(error))


def _find_by_answer(status: int, response: Any, action: Action) -> Meaning:
    message = read_message(response).lower()
    for words, meaning in MESSAGES:
        if words in message:
            return meaning
    if status == 404:
        return action.missing
    reason = read_reason(response)
    by_reason = REASONS.get(f"{status} {reason}") or REASONS.get(reason)
    unknown = Meaning(StorageError, f"The server answered {status}.")
    return by_reason or STATUSES.get(status, unknown)


def _find_by_class(error: BaseException) -> Meaning:
    for kind in type(error).__mro__:
        if kind.__name__ in CLASSES:
            return CLASSES[kind.__name__]
    return Meaning(StorageError, f"The SDK failed with {type(error).__name__}.")


def _find_cause(error: BaseException) -> BaseException:
    """What is at the bottom: SDK, requests and urllib3 wrap one another's errors."""
    inner = next((part for part in error.args if isinstance(part, Exception)), None)
    inner = inner or getattr(error, "reason", None)
    if isinstance(inner, BaseException) and _is_known(inner):
        return _find_cause(inner)
    return error


def _is_known(error: BaseException) -> bool:
    return any(kind.__name__ in CLASSES for kind in type(error).__mro__)


def _build(
    meaning: Meaning, error: BaseException, action: Action, key: str | None
) -> StorageError:
    response = getattr(error, "response", None)
    if meaning.kind is InvalidRange:
        return InvalidRange(meaning.text, key=key)
    if issubclass(meaning.kind, TransientStorageError):
        after = find_header(response, "Retry-After")
        return meaning.kind(
            meaning.text,
            key=key,
            field=meaning.field,
            remedy=meaning.remedy,
            retry_after=float(after) if after.isdigit() else None,
        )
    text = meaning.text
    if meaning.kind is AccessDenied and action.permission:
        text = f"{text} It takes {action.permission}."
    return meaning.kind(
        text,
        key=key,
        field=meaning.field,
        remedy=meaning.remedy,
        gcs_reason=read_reason(response),
    )
