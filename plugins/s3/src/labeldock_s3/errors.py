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
from labeldock_s3.meanings import (
    BROKEN,
    BROKEN_OFF,
    CLASSES,
    CODES,
    EXPIRED,
    NO_BUCKET,
    REGION,
    ROLE_CODES,
    UNCERTAIN,
    WEB_SITE,
    Meaning,
)

_ROLE_OPERATIONS: Final = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity"})
_WRITES: Final = frozenset({"PutObject", "CompleteMultipartUpload", "DeleteObject"})
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9._]{1,64}")
_REGION_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")


def translate_errors(key: str | None = None) -> AbstractContextManager[None]:
    """Let only errors of the contract out; the SDK's is chained.

    Args:
        key: the object that it is about; None if it is about the bucket.
    """
    return _Translation(key)


class _Translation(AbstractContextManager[None]):
    """Stands around every block that is read, so nothing is done where all is well."""

    __slots__ = ("_key",)

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is None:
            return
        translated = _translate(error, self._key)
        if translated is not None:
            raise translated from error


def _translate(error: BaseException, key: str | None) -> StorageError | None:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  late
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    if isinstance(error, ClientError):
        return _translate_answer(error, key)
    if isinstance(error, BotoCoreError):
        return _build(find_meaning(error), key)
    if isinstance(error, HTTPError):  # of a body, where boto3 lets some of them through
        return _build(BROKEN_OFF, key)
    # So boto3 says that the credentials were renewed, and are old all the same. Some
    # of the contract's errors are of that kind too.
    return _build(EXPIRED, key) if type(error) is RuntimeError else None


def find_meaning(error: BaseException) -> Meaning:
    """What an exception of the SDK comes to that is no answer of a server."""
    if _is_cut_short(error):
        return BROKEN
    for kind in type(error).__mro__:
        if kind.__name__ in CLASSES:
            return CLASSES[kind.__name__]
    return Meaning(StorageError, f"boto3 failed with {type(error).__name__}.")


def _is_cut_short(error: BaseException) -> bool:
    """Whether a body ended in good order before its announced length."""
    cause = getattr(error, "kwargs", {}).get("error")
    parts = getattr(cause, "args", ())
    return any(type(part).__name__ == "IncompleteRead" for part in parts)


def _translate_answer(error: Any, key: str | None) -> StorageError:  # a ClientError
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    meaning = _find_answer(error, code)
    if meaning.kind is InvalidRange:
        size = str(answer["Error"].get("ActualObjectSize", ""))
        return InvalidRange(meaning.text, size=_parse_count(size), key=key)
    if meaning.kind is ObjectNotFound and key is None:
        meaning = NO_BUCKET
    if meaning.kind is PreconditionFailed and _was_tried_again(error):
        # The first try may have done it, and then this is its own trace.
        meaning = UNCERTAIN
    if meaning is REGION:
        meaning = _name_region(answer)
    if meaning is CODES["500"] and "html" in _header(answer, "content-type"):
        meaning = WEB_SITE  # boto3 takes a page for a server that is down
    return _build(meaning, key, code=code, after=_header(answer, "retry-after"))


def _find_answer(error: Any, code: str) -> Meaning:
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    if error.operation_name in _ROLE_OPERATIONS:
        told = ROLE_CODES.get(code) or CODES.get(code) or ROLE_CODES.get(status)
    else:
        told = CODES.get(code)
    unknown = Meaning(StorageError, f"The server answered {status or 'an error'}.")
    return told or CODES.get(status) or unknown


def _was_tried_again(error: Any) -> bool:
    """Whether this is the answer to a second try of a write."""
    attempts = error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    return bool(attempts) and error.operation_name in _WRITES


def _name_region(answer: Any) -> Meaning:
    """The meaning with the name of the right region, where the server tells it."""
    told = answer["Error"].get("Region") or _header(answer, "x-amz-bucket-region")
    if not _REGION_NAME.fullmatch(str(told)):
        return REGION
    return REGION._replace(remedy=f"Set the region to {told}.")


def _header(answer: Any, name: str) -> str:
    return str(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(name, ""))


def _parse_count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _build(
    meaning: Meaning, key: str | None, *, code: str = "", after: str = ""
) -> StorageError:
    # A server's word goes into a log only if it is one word.
    context = {"s3_code": code} if _PLAIN_CODE.fullmatch(code) else {}
    if meaning.kind is InvalidRange:
        return InvalidRange(meaning.text, key=key)
    error = meaning.kind(
        meaning.text, key=key, field=meaning.field, remedy=meaning.remedy, **context
    )
    if isinstance(error, TransientStorageError) and _parse_count(after):
        error.retry_after = float(after)
    return error
