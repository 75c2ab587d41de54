"""Listing by ListObjectsV2.

Without a delimiter the cursor is the last key, which the server starts after: it never
expires. With one it is the server's token, since a page may end in a common prefix,
after which a listing cannot be started by key.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from labeldock.contract import (
    CursorExpired,
    ListQuery,
    NotSupported,
    ObjectInfo,
    ObjectPage,
    StorageError,
    UnreadableObject,
)
from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_text

_AFTER: Final = "after:"
_TOKEN: Final = "token:"  # noqa: S105  a mark before a listing token
_MAX_PAGE: Final = 1000
_REFUSALS: Final = frozenset({"InvalidArgument", "InvalidContinuationToken"})


def list_page(client: S3Client, query: ListQuery) -> ObjectPage:
    """One page of a bucket, in key order.

    Raises:
        CursorExpired: the cursor is not one of ours, or the server refuses it.
    """
    arguments = _build_arguments(client, query)
    try:
        with translate_errors():
            answer = client.api.list_objects_v2(**arguments)
    except StorageError as error:
        is_refused = error.context.get("s3_code") in _REFUSALS
        if is_refused and "ContinuationToken" in arguments:
            raise CursorExpired("The server refuses the listing token.") from error
        raise
    _check_start(answer, arguments.get("StartAfter"))
    return _build_page(answer, query)


def _build_arguments(client: S3Client, query: ListQuery) -> dict[str, Any]:
    return {
        "Bucket": client.bucket,
        "MaxKeys": min(query.limit, _MAX_PAGE),
        **({"Prefix": check_text(query.prefix)} if query.prefix else {}),
        **({"Delimiter": query.delimiter} if query.delimiter else {}),
        **_build_start(query),
    }


def _build_start(query: ListQuery) -> dict[str, str]:
    cursor = query.cursor
    if cursor is None:
        return {"StartAfter": check_text(query.after_key)} if query.after_key else {}
    if cursor.startswith(_AFTER):
        return {"StartAfter": cursor.removeprefix(_AFTER)}
    if cursor.startswith(_TOKEN):
        return {"ContinuationToken": cursor.removeprefix(_TOKEN)}
    raise CursorExpired("The cursor is not one of this provider.")


def _check_start(answer: dict[str, Any], after: str | None) -> None:
    """A server that ignores where to start would send the first page for ever."""
    found = answer.get("Contents")
    if after and found and found[0]["Key"] <= after:
        raise NotSupported(
            "The server ignores start-after, without which a listing cannot go on.",
            field="s3_endpoint",
        )


def _build_page(answer: dict[str, Any], query: ListQuery) -> ObjectPage:
    found = answer.get("Contents", [])
    prefixes = [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())]
    last = max(found[-1]["Key"] if found else "", prefixes[-1] if prefixes else "")
    cursor = _build_cursor(answer, query, last)
    upto = query.upto_key
    if upto is not None and last >= upto:
        found = [entry for entry in found if entry["Key"] <= upto]
        prefixes = [prefix for prefix in prefixes if prefix <= upto]
        cursor = None
    return ObjectPage(
        objects=tuple(_build_info(entry) for entry in found if _is_text(entry)),
        prefixes=tuple(prefixes),
        unreadable=tuple(
            UnreadableObject(entry["Key"].replace("\0", "%00"), "The key holds U+0000.")
            for entry in found
            if not _is_text(entry)
        ),
        cursor=cursor,
    )


def _is_text(entry: dict[str, Any]) -> bool:
    return "\0" not in entry["Key"]


def _build_info(entry: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        entry["Key"],
        entry["Size"],
        entry["ETag"].strip('"'),
        entry["LastModified"].astimezone(UTC),
    )


def _build_cursor(answer: dict[str, Any], query: ListQuery, last: str) -> str | None:
    if not answer.get("IsTruncated"):
        return None
    # Some servers repeat the key as it is, and XML cannot hold every character.
    if not query.delimiter and last and last.isprintable():
        return _AFTER + last
    token: str = answer["NextContinuationToken"]
    return _TOKEN + token
