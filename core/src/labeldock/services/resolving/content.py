"""Safe content: which types may be shown, and under which name a file is saved.

A bucket holds whatever somebody put there. On our own origin a script in it could act
as the person who looks at it, so all but plain media is sent to be saved, not shown.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from functools import cache
from typing import Final
from urllib.parse import quote

OCTETS: Final = "application/octet-stream"
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self' data:; "
        "style-src 'unsafe-inline'"
    ),
}
_MEDIA_TYPE: Final = re.compile(
    r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w!#$&^.+-]+=[\w!#$&^.+:-]+)*",
    re.ASCII,
)
_SHOWN_KINDS: Final = frozenset({"image", "audio", "video", "font"})
_SHOWN_TYPES: Final = frozenset({
    "text/plain", "text/csv", "text/tab-separated-values", "text/markdown",
    "text/vtt", "application/json", "application/jsonl", "application/x-ndjson",
})  # fmt: skip
_TYPES: Final = {
    # Missing from, or different between, the versions of Python's table.
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".jsonl": "application/jsonl",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".vtt": "text/vtt",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
_LONGEST_NAME: Final = 150
_UNSAFE: Final = re.compile(r'[\\/:*?"<>|%;]')
_NOT_ASCII: Final = re.compile(r"[^ -~]")


def choose_type(key: str, declared: str | None) -> str:
    """The media type: the one declared, else by the extension, else octets."""
    if declared and "octet-stream" not in declared and _MEDIA_TYPE.fullmatch(declared):
        return declared
    return guess_type(key) or OCTETS


def guess_type(key: str) -> str | None:
    """The media type by the extension of a key, the same on every machine."""
    dot = key.rfind(".")
    extension = key[dot:].lower() if dot > key.rfind("/") else ""
    return _load_types().get(extension)


@cache
def _load_types() -> dict[str, str]:
    # An own instance has Python's built-in table without what the system adds to it.
    return {**mimetypes.MimeTypes().types_map[True], **_TYPES}


def is_shown(media_type: str | None) -> bool:
    """Whether browsers may show it: it cannot hold a script."""
    name = (media_type or OCTETS).partition(";")[0].strip().lower()
    kind = name.partition("/")[0]
    if name.endswith("+xml"):
        return False
    return kind in _SHOWN_KINDS or name in _SHOWN_TYPES


def render_disposition(key: str, media_type: str | None) -> str:
    """Content-Disposition (RFC 6266): shown or saved, and the file's name."""
    kind = "inline" if is_shown(media_type) else "attachment"
    name = _clean_name(key)
    plain = _NOT_ASCII.sub("_", name)
    text = f'{kind}; filename="{plain}"'
    if plain != name:
        text += f"; filename*=UTF-8''{quote(name, safe='')}"
    return text


def _clean_name(key: str) -> str:
    """The last part of the key, without what confuses people or file systems."""
    name = key.rstrip("/").rpartition("/")[2]
    # Controls and formats: line breaks, and marks that turn the text's direction.
    shown = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    safe = _UNSAFE.sub("_", shown).strip(" .")
    return _shorten(safe) or "file"


def _shorten(name: str) -> str:
    """The name within the limit, its extension kept."""
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:_LONGEST_NAME]
    return stem[: _LONGEST_NAME - len(extension) - 1] + dot + extension
