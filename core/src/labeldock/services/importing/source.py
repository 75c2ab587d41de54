"""What an import needs of its storage: the connection, which keys count, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from labeldock.contract.errors import NotFound
from labeldock.contract.values import ObjectInfo
from labeldock.db.tables import Storage
from labeldock.db.types import dump_json
from labeldock.services.connections import Connection, open_connection
from labeldock.services.context import AppContext
from labeldock.services.importing.difference import LinkedObject
from labeldock.services.storage_fields import compile_pattern, join_prefix

_KEY: Final[Callable[[ObjectInfo], str]] = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Source:
    """What an import needs of its storage, read once per slice."""

    connection: Connection
    prefix: str
    delimiter: str | None
    pattern: Any  # re2 has no type of its own
    is_blob: bool
    base_uri: str
    on_change: str = "report"
    is_shared: bool = False

    @property
    def scope(self) -> str:
        """A short word for what is looked at, and how.

        A checkpoint of another scope is void: what it left behind was never looked at.
        """
        pattern = self.pattern.pattern if self.pattern else None
        parts = [self.base_uri, self.prefix, self.delimiter, pattern, self.is_blob]
        return hashlib.sha256(dump_json(parts).encode()).hexdigest()[:16]

    @property
    def is_ordered(self) -> bool:
        """Whether its listing comes in the order of the keys."""
        return self.connection.provider.info.capabilities.ordered

    @property
    def is_seekable(self) -> bool:
        """Whether its listing can start after any key."""
        return self.connection.provider.info.capabilities.seekable

    def admits(self, info: ObjectInfo) -> bool:
        """Whether an object counts: no folder marker, and the pattern matches."""
        if is_marker(info):
            return False
        return self.pattern is None or self.pattern.match(info.key) is not None

    def choose(self, objects: Sequence[ObjectInfo]) -> Sequence[ObjectInfo]:
        """The objects that count, as `admits` has it."""
        if self.pattern is None:
            keys = "\0".join(map(_KEY, objects))
            if "/\0" not in keys and not keys.endswith("/"):  # told without a loop
                return objects
        return [info for info in objects if self.admits(info)]

    def looks_at(self, link: LinkedObject) -> bool:
        """Whether its listing would show this key, if there was such an object.

        What lies outside the prefix or below a folder that is not entered is not
        looked at, and so cannot be said to have vanished.
        """
        return self.covers(link.key)

    def covers(self, key: str) -> bool:
        """Whether a key lies where the storage looks."""
        if not key.startswith(self.prefix):
            return False
        rest = key[len(self.prefix) :]
        return self.delimiter is None or self.delimiter not in rest

    def covers_all(self, links: Sequence[LinkedObject]) -> bool:
        """Whether all of these links, which are in order, lie where it looks.

        What is between two keys with a prefix has that prefix too.
        """
        if self.delimiter is not None:
            return False
        return all(
            link.key.startswith(self.prefix) for link in (*links[:1], *links[-1:])
        )


def is_marker(info: ObjectInfo) -> bool:
    """Whether an object only marks a folder, as consoles of buckets make them."""
    return info.key.endswith("/")


def load_source(app: AppContext, storage_id: int) -> Source:
    """Open the storage of a run.

    Raises:
        LabeldockError: the storage or its provider is gone, or its settings do not
            fit the provider.
    """
    with app.database.read() as session:
        storage = session.get(Storage, storage_id)
        if storage is None:
            raise NotFound(f"Storage {storage_id} does not exist.", field="storage")
        return Source(
            connection=open_connection(app, session, storage),
            prefix=join_prefix(storage.prefix, is_literal=storage.literal_prefix),
            delimiter=None if storage.recursive_scan else "/",
            pattern=compile_pattern(storage.regex_filter)
            if storage.regex_filter
            else None,
            is_blob=storage.use_blob_urls,
            base_uri=storage.base_uri,
            on_change=storage.on_change,
            is_shared=_is_shared(app, storage),
        )


def _is_shared(app: AppContext, storage: Storage) -> bool:
    """Whether several workers import from it at once.

    It means to list twice, so it pays where objects are read, and where there are
    other workers. Ranges of keys need a listing that has an order and starts anywhere.
    """
    able = app.catalog.provider(storage.provider).info.capabilities
    if not (able.ordered and able.seekable):
        return False
    if app.settings.partitioning == "auto":
        return not app.settings.is_embedded and not storage.use_blob_urls
    return app.settings.partitioning == "always"
