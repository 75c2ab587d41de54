"""What requests and archives are called."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from labeldock.contract.errors import InvalidInput
from labeldock.contract.values import MAX_KEY_BYTES

_LONGEST: Final = 60
_UNSAFE: Final = re.compile(r"[^\w.-]+")


def render_request_id(
    *, target: str, target_id: int, user_id: int | None, lightweight: bool, **more: str
) -> str:
    """The id of a request for a backup: the same for the same wish, and no other.

    A full backup's has no word about the kind, which is what it was before there were
    two of them.
    """
    parts: dict[str, object] = {
        "action": "export",
        "target": target,
        "target_id": target_id,
    }
    if user_id is not None:
        parts["user_id"] = user_id
    if lightweight:
        parts["lightweight"] = True
    return urlencode({**parts, **more, "subresource": "backup"})


def name_archive(
    target: str, title: str, *, lightweight: bool, now: datetime, infix: str = ""
) -> str:
    """The name of an archive, for somebody who gave none."""
    folded = unicodedata.normalize("NFKC", title).strip().lower()
    plain = _UNSAFE.sub("_", folded).strip("._")[:_LONGEST] or "unnamed"
    kind = "backup-lightweight" if lightweight else "backup"
    return f"{target}_{plain}{infix}_{kind}_{now:%Y_%m_%d_%H_%M_%S}.zip"


def check_filename(name: str, *, is_key: bool) -> str:
    """A name that somebody gave, which may hold slashes where it is a key.

    Raises:
        InvalidInput: it cannot be used.
    """
    is_plain = name.isprintable() and "\\" not in name and name == name.strip()
    parts = name.split("/")
    is_odd = any(part in {"", ".", ".."} for part in parts)
    if not is_plain or is_odd or (len(parts) > 1 and not is_key):
        remedy = "Give a plain name such as birds.zip"
        remedy += ", with folders before it if you like." if is_key else "."
        raise InvalidInput(
            "This cannot be the name of an archive.", field="filename", remedy=remedy
        )
    if len(name.encode()) > MAX_KEY_BYTES // 2:
        raise InvalidInput(
            "The name is too long.", field="filename", remedy="Give a shorter one."
        )
    return name
