"""One bucket in memory: what a cloud does behind its API. It does no locking."""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_left, insort
from dataclasses import dataclass
from datetime import UTC, datetime

from labeldock.contract import (
    MAX_KEY_BYTES,
    ByteRange,
    Condition,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    ListQuery,
    ObjectBody,
    ObjectInfo,
    ObjectNotFound,
    ObjectPage,
    PreconditionFailed,
    WriteRequest,
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object and its bytes."""

    info: ObjectInfo
    data: bytes

    def open(self, byte_range: ByteRange | None) -> ObjectBody:
        """The whole object, or a range of it."""
        if byte_range is None:
            return ObjectBody(self.info, None, io.BytesIO(self.data))
        found = byte_range.resolve(self.info.size)
        if found is None:
            message = "no byte of the object lies in the range"
            raise InvalidRange(message, size=self.info.size, key=self.info.key)
        data = self.data[found.first : found.last + 1]
        return ObjectBody(self.info, found, io.BytesIO(data))


def build_object(request: WriteRequest) -> StoredObject:
    """The object that a request wants to be written.

    Raises:
        InvalidKey: a bucket cannot hold such a key.
        IntegrityError: the content is not as long as announced.
    """
    check_key(request.key)
    with request.content.open() as stream:
        data = stream.read()
    if len(data) != request.content.size:
        raise IntegrityError("the content ended at another size", key=request.key)
    info = ObjectInfo(
        key=request.key,
        size=len(data),
        etag=hashlib.sha256(data).hexdigest(),
        last_modified=datetime.now(UTC),
        content_type=request.content_type,
    )
    return StoredObject(info, data)


def check_key(key: str) -> None:
    """Refuse what is empty, too long or not text.

    Raises:
        InvalidKey: it is.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKey("the key cannot be written as UTF-8") from None
    if not 0 < size <= MAX_KEY_BYTES or "\0" in key:
        raise InvalidKey(f"a key has 1 to {MAX_KEY_BYTES} bytes and no U+0000", key=key)


class Bucket:
    """Objects by key, and the keys in order."""

    def __init__(self) -> None:
        self._objects: dict[str, StoredObject] = {}
        self._keys: list[str] = []

    def find(self, key: str) -> StoredObject:
        """The object under this key."""
        if key not in self._objects:
            raise ObjectNotFound(f"there is no object {key!r}", key=key)
        return self._objects[key]

    def save(self, stored: StoredObject, condition: Condition) -> None:
        """Keep an object if the condition holds."""
        key = stored.info.key
        self._check(key, condition)
        if key not in self._objects:
            insort(self._keys, key)
        self._objects[key] = stored

    def delete(self, key: str, condition: Condition) -> bool:
        """Remove an object if the condition holds; whether there was one."""
        if key not in self._objects:
            return False
        self._check(key, condition)
        del self._objects[key]
        del self._keys[bisect_left(self._keys, key)]
        return True

    def list_page(self, query: ListQuery) -> ObjectPage:
        """One page. Its cursor is the lowest text that the next page may start with."""
        objects: list[ObjectInfo] = []
        prefixes: list[str] = []
        bound = find_lower_bound(query)
        while (key := self._find_next(bound, query)) is not None:
            if len(objects) + len(prefixes) == query.limit:
                return ObjectPage(tuple(objects), tuple(prefixes), cursor=bound)
            folded = fold_key(key, query)
            if folded is None:
                objects.append(self._objects[key].info)
                bound = key + "\0"
            else:
                prefixes.append(folded)
                bound = find_upper_bound(folded)
        return ObjectPage(tuple(objects), tuple(prefixes))

    def _check(self, key: str, condition: Condition) -> None:
        stored = self._objects.get(key)
        if condition.absent and stored is not None:
            raise PreconditionFailed(f"there is an object {key!r} already", key=key)
        etag = stored.info.etag if stored else None
        if condition.etag not in {None, etag}:
            raise PreconditionFailed(f"the object {key!r} has changed", key=key)

    def _find_next(self, bound: str, query: ListQuery) -> str | None:
        """The first key from `bound` on, if it is one that was asked for."""
        position = bisect_left(self._keys, bound)
        if position == len(self._keys):
            return None
        key = self._keys[position]
        is_beyond = query.upto_key is not None and key > query.upto_key
        return None if is_beyond or not key.startswith(query.prefix) else key


def find_lower_bound(query: ListQuery) -> str:
    """The lowest text that can be listed, inclusive.

    Nothing lies between a text and the same text with U+0000 at its end.
    """
    if query.cursor is not None:
        return query.cursor
    if query.after_key is not None:
        return max(query.prefix, query.after_key + "\0")
    return query.prefix


def find_upper_bound(prefix: str) -> str:
    """The lowest text that is above all texts with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def fold_key(key: str, query: ListQuery) -> str | None:
    """The common prefix that stands for this key, if a delimiter asks for one."""
    if query.delimiter is None:
        return None
    end = key.find(query.delimiter, len(query.prefix))
    return None if end < 0 else key[: end + len(query.delimiter)]
