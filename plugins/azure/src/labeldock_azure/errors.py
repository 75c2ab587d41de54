"""From the SDK's errors to the contract's; what each means stands in `meanings`."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Any, Final

from labeldock.contract import (
    InvalidRange,
    ObjectNotFound,
    PreconditionFailed,
    StorageError,
    TransientStorageError,
)
from labeldock_azure.meanings import (
    BROKEN,
    CLASSES,
    CODES,
    DIRECTORY_CODES,
    NO_CONTAINER,
    NO_TOKEN,
    STATUSES,
    TLS,
    UNCERTAIN,
    Meaning,
)

_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9._]{1,64}")
_DIRECTORY_CODE: Final = re.compile(r"AADSTS(\d+)")


class Tries:
    """Counts how often the SDK tried a request again."""

    def __init__(self) -> None:
        self._count = 0

    def count(self, **_: Any) -> None:
        """To be given to the SDK as `retry_hook`."""
        self._count += 1

    @property
    def were_several(self) -> bool:
        return self._count > 0


def translate_errors(
    key: str | None = None, tries: Tries | None = None
) -> AbstractContextManager[None]:
    """Let only errors of the contract out; the SDK's is chained.

    Args:
        key: the blob that it is about; None if it is about the container.
        tries: of a write, whose condition fails because of its own first try.
    """
    return _Translation(key, tries)


class _Translation(AbstractContextManager[None]):
    """Stands around every block that is read, so nothing is done where all is well."""

    __slots__ = ("_key", "_tries")

    def __init__(self, key: str | None, tries: Tries | None) -> None:
        self._key = key
        self._tries = tries

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is not None and _is_of_sdk(error):
            raise self._translate(error) from error

    def _translate(self, error: BaseException) -> StorageError:
        meaning = _find_meaning(error, self._key)
        was_repeated = self._tries is not None and self._tries.were_several
        if was_repeated and meaning.kind is PreconditionFailed:
            meaning = UNCERTAIN
        return _build(meaning, self._key, error)


def _is_of_sdk(error: BaseException) -> bool:
    # PLC0415: the SDK, on first use.
    from azure.core.exceptions import (  # noqa: PLC0415
        AzureError,
        DeserializationError,
    )
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    return isinstance(error, AzureError | DeserializationError | HTTPError)


def find_status(error: Any) -> int:
    """The status of the answer that an error is about, 0 if there is none."""
    return int(getattr(error, "status_code", None) or 0)


def _find_meaning(error: Any, key: str | None) -> Meaning:  # one of many classes
    code = _find_code(error)
    meaning = CODES.get(code) or _find_without_code(error)
    if meaning.kind is ObjectNotFound and key is None:
        return NO_CONTAINER
    return meaning


def _find_code(error: Any) -> str:
    code = getattr(error, "error_code", None) or _header(error, "x-ms-error-code")
    return str(getattr(code, "value", code))


def _find_without_code(error: Any) -> Meaning:
    """By status, unless it is the directory's answer and not the service's."""
    meaning = find_meaning(error)
    status = find_status(error)
    is_directory = meaning is NO_TOKEN and not (status and _is_service(error))
    if is_directory:
        return _find_directory(error)
    return STATUSES.get(status) or meaning


def _is_service(error: Any) -> bool:
    return bool(_header(error, "x-ms-version") or _header(error, "x-ms-request-id"))


def _find_directory(error: BaseException) -> Meaning:
    """What Entra ID, or the way there, says about a token that could not be had."""
    told = _DIRECTORY_CODE.search(str(error))
    if told:
        return DIRECTORY_CODES.get(told[1], NO_TOKEN)
    cause = error.__cause__
    if type(cause).__name__.startswith("Service"):  # the network, not the credentials
        return find_meaning(cause)
    return NO_TOKEN


def find_meaning(error: BaseException | None) -> Meaning:
    """What an exception comes to that is no answer of the service."""
    if _is_cut_short(error):
        return BROKEN
    if type(getattr(error, "inner_exception", None)).__name__ == "SSLError":
        return TLS
    for kind in type(error).__mro__:
        if kind.__name__ in CLASSES:
            return CLASSES[kind.__name__]
    return Meaning(StorageError, f"The Azure SDK failed with {type(error).__name__}.")


def _is_cut_short(error: BaseException | None) -> bool:
    """Whether a body ended in good order before its announced length."""
    parts = getattr(error, "args", ())
    return any(type(part).__name__ == "IncompleteRead" for part in parts)


def _build(meaning: Meaning, key: str | None, error: Any) -> StorageError:
    if meaning.kind is InvalidRange:
        return InvalidRange(meaning.text, size=_find_size(error), key=key)
    # A service's word goes into a log only if it is one word.
    code = _find_code(error)
    context = {"azure_code": code} if _PLAIN_CODE.fullmatch(code) else {}
    built = meaning.kind(
        meaning.text, key=key, field=meaning.field, remedy=meaning.remedy, **context
    )
    if isinstance(built, TransientStorageError):
        after = _parse_count(_header(error, "Retry-After"))
        built.retry_after = float(after) if after else None
    return built


def _find_size(error: Any) -> int:
    return _parse_count(_header(error, "Content-Range").rpartition("/")[2])


def _parse_count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _header(error: Any, name: str) -> str:
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    return str(headers.get(name, ""))
