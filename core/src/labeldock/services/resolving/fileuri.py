"""The `fileuri` parameter of media URLs: a URI as base64url, or written out."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote

from labeldock.contract.errors import InvalidInput

MAX_FILEURI: Final = 8 * 1024
_STANDARD: Final = str.maketrans("-_ ", "+/+")  # a "+" in a query is read as a space


def encode_fileuri(uri: str) -> str:
    """The URI in base64url, with padding."""
    # Half of a surrogate pair cannot be in a key; in task data it can, and is no error.
    return base64.urlsafe_b64encode(uri.encode(errors="replace")).decode()


def render_media_url(public_url: str, task_id: int, uri: str) -> str | None:
    """Where a task's media is to be had; None for what is too long to be asked for."""
    fileuri = encode_fileuri(uri)
    if len(fileuri) > MAX_FILEURI:
        return None
    return f"{public_url.rstrip('/')}/tasks/{task_id}/resolve/?fileuri={fileuri}"


def decode_fileuri(value: str) -> str:
    """The URI that a parameter (decoded from its query already) stands for.

    Raises:
        InvalidInput: it is empty, too long, or no URI.
    """
    if not value or len(value) > MAX_FILEURI:
        raise _refuse("missing" if not value else "too long")
    uri = value if "://" in value else _decode(value)
    if "://" not in uri or "\0" in uri:
        raise _refuse("not a URI in base64url")
    return uri


def _decode(value: str) -> str:
    padded = value.rstrip("=").translate(_STANDARD)
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        return unquote(value)


def _refuse(reason: str) -> InvalidInput:
    return InvalidInput(
        f"The parameter fileuri is {reason}.",
        field="fileuri",
        remedy="Give the URI of the object, encoded as base64url.",
    )
