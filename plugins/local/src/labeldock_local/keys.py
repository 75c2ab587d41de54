"""Keys and the names they consist of: which are legal, and where they sort.

A key is the path of a file below the storage's folder, in UTF-8, with "/" between its
segments. Here it is handled as bytes, since names on disk are bytes and keys are in
byte order.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from labeldock.contract import InvalidKey, ListQuery

MAX_KEY_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 255

TEMPORARY_PREFIX: Final = b".labeldock-"
_TEMPORARY: Final = re.compile(rb"\.labeldock-[0-9a-f]{16}\.tmp")
_NOT_NAMES: Final = frozenset({b"", b".", b".."})


def split_key(key: str) -> tuple[bytes, ...]:
    """The segments of a key.

    Raises:
        InvalidKey: no file below a folder can have this key.
    """
    raw = _encode(key)
    if len(raw) > MAX_KEY_BYTES:
        raise InvalidKey(f"A key has at most {MAX_KEY_BYTES} bytes.", key=key)
    segments = tuple(raw.split(b"/"))
    for segment in segments:
        _check_segment(segment, key)
    return segments


def _encode(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        # The key itself cannot be logged or sent either, hence its escaped form.
        raise InvalidKey(f"The key {key!a} is not valid Unicode.") from error


def _check_segment(segment: bytes, key: str) -> None:
    if segment in _NOT_NAMES:
        reason = "empty, '.' and '..' segments"
    elif b"\0" in segment:
        reason = "U+0000"
    elif len(segment) > MAX_NAME_BYTES:
        reason = f"segments of more than {MAX_NAME_BYTES} bytes"
    elif is_temporary(segment):
        reason = "names of temporary files (.labeldock-*.tmp)"
    else:
        return
    raise InvalidKey(f"The key {key!r} is not a file's: no {reason}.", key=key)


def is_name(segment: bytes) -> bool:
    """Whether a file or folder that is served can have this name."""
    return (
        segment not in _NOT_NAMES
        and b"\0" not in segment
        and len(segment) <= MAX_NAME_BYTES
        and not is_temporary(segment)
    )


def is_temporary(name: bytes) -> bool:
    """Whether it is the name of a temporary file of a write."""
    return _TEMPORARY.fullmatch(name) is not None


def escape_name(name: bytes) -> str:
    """A name as text, with the bytes that are not UTF-8 as `%NN`."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(
        f"%{ord(character) - 0xDC00:02X}"
        if "\udc80" <= character <= "\udcff"
        else character
        for character in text
    )


class KeyRange(NamedTuple):
    """The keys from `start` (inclusive) to `end` (exclusive; None: to the last).

    Prefix, lower bound, upper bound and cursor of a listing all come down to this.
    """

    start: bytes
    end: bytes | None

    def within(self, folder: bytes) -> KeyRange:
        """The part of the range below a folder, given with its final slash."""
        end = _follower(folder)
        if self.end is not None:
            end = min(end, self.end)
        return KeyRange(max(self.start, folder), end)

    def find_end(self, folder: bytes) -> bytes | None:
        """The first name in a folder that is past the end; None if there is none."""
        if self.end is None or not self.end.startswith(folder):
            return None
        return self.end[len(folder) :]

    def holds(self, key: bytes) -> bool:
        """Whether a key lies in the range."""
        return self.start <= key and (self.end is None or key < self.end)


def build_range(query: ListQuery) -> KeyRange:
    """The range of keys that a listing asks for, its cursor left aside.

    No name contains a zero byte, so "after k" is the same as "from k and a zero byte".
    """
    prefix = encode_bound(query.prefix)
    start, end = prefix, _follower(prefix) if prefix else None
    if query.after_key is not None:
        start = max(start, encode_bound(query.after_key) + b"\0")
    if query.upto_key is not None:
        last = encode_bound(query.upto_key) + b"\0"
        end = last if end is None else min(end, last)
    return KeyRange(start, end)


def encode_bound(bound: str) -> bytes:
    """A bound as bytes. It need not be a key, nor even valid Unicode."""
    return bound.encode("utf-8", "surrogatepass")


def _follower(prefix: bytes) -> bytes:
    """The first byte string after all that begin with the prefix (never 0xFF)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def after_file(key: bytes) -> bytes:
    """Where a listing goes on after a file."""
    return key + b"\0"


def after_folder(folder: bytes) -> bytes:
    """Where a listing goes on after a whole folder, given with its final slash."""
    return _follower(folder)
