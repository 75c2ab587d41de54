"""Which storage of a project answers for a URI, and under which key.

The prefix of a storage is a boundary: what lies outside is not served, even where the
credentials would reach it. That a storage was never synced does not matter here.

Slots come before storages, since whoever connected one meant its URIs to lead there; a
slot that is detached comes last, so that a storage connected anew answers for it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple

from sqlmodel import Session, col, select

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.slots import Slot
from labeldock.db.tables import Storage
from labeldock.host.catalog import Catalog
from labeldock.services.storage_fields import join_prefix


class Standing(IntEnum):
    """What a source is, the later the sooner it answers."""

    DETACHED = 0
    STORAGE = 1
    SLOT = 2


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A storage or a slot, as far as it matters for finding what a URI leads to.

    Attributes:
        id: the storage's number; 0 for a slot that has none.
        provider: the name of its provider, which may be gone.
        stamp: changes whenever the storage's settings do.
        bases: what precedes the key in its URIs, once for each scheme.
        prefix: what the keys that it serves begin with.
        presign: whether browsers are to be redirected.
        ttl: how long a signed URL is to be valid.
        standing: what it is.
        slot_id: the slot, if it is one.
        mapped_prefix: what keys begin with in the storage, in place of `prefix`.
        boundary: what keys have to begin with in the storage.
        is_kept: whether its media lie in persistent storage.
    """

    id: int
    provider: str
    stamp: str
    bases: tuple[str, ...]
    prefix: str
    presign: bool
    ttl: timedelta
    standing: Standing = Standing.STORAGE
    slot_id: int | None = None
    mapped_prefix: str | None = None
    boundary: str = ""
    is_kept: bool = False

    def map_key(self, key: str) -> str | None:
        """The key in its storage for one of its URIs; None if it does not serve it."""
        if not _is_served(key, self.prefix):
            return None
        if self.mapped_prefix is None:
            return key
        mapped = self.mapped_prefix + key[len(self.prefix) :]
        return mapped if _is_served(mapped, self.boundary) else None

    def is_uri_of(self, uri: str, key: str) -> bool:
        """Whether the URI is that of the object that has this key in its storage."""
        if self.mapped_prefix is None:
            return any(uri == base + key for base in self.bases)
        return any(
            uri.startswith(base) and self.map_key(uri[len(base) :]) == key
            for base in self.bases
        )


class Origin(NamedTuple):
    """The object that a task was made from, if it was.

    The key is the storage's, or the slot's if there is no storage.
    """

    storage_id: int | None
    key: str | None
    slot_id: int | None = None


class Located(NamedTuple):
    """An object: the storage that serves it, and its key."""

    source: MediaSource
    key: str


@dataclass(frozen=True, slots=True)
class MediaSources:
    """The import storages and slots of a project."""

    sources: tuple[MediaSource, ...]
    schemes: frozenset[str]

    def locate(self, uri: str, origin_id: int | None) -> Located:
        """The storage and key for a URI.

        Slots come before storages, and those that are detached come last. Then the
        longest prefix counts, then where the task came from, then the lowest number.

        Args:
            uri: with its scheme in lower case.
            origin_id: the storage that the task came from.

        Raises:
            NotFound: no storage answers for it.
        """
        found = self.find(uri, origin_id)
        if found is None:
            raise NotFound(
                "No storage of the project answers for this URI.",
                field="fileuri",
                remedy="Connect the bucket that it lies in, with a fitting prefix.",
            )
        return found

    def find(self, uri: str, origin_id: int | None) -> Located | None:
        """The same; None if no storage answers for it."""
        best, best_rank = None, (-1, 0, False, 0)
        for source in self.sources:
            for base in source.bases:
                if not uri.startswith(base):
                    continue
                rank = (
                    source.standing.value,
                    len(base) + len(source.prefix),
                    source.id == origin_id,
                    -(source.slot_id or source.id),
                )
                if rank <= best_rank:
                    continue
                key = source.map_key(uri[len(base) :])
                if key is not None:
                    best, best_rank = Located(source, key), rank
        return best

    def is_origin(self, uri: str, origin: Origin) -> bool:
        """Whether the URI is that of the very object that a task was made from."""
        return origin.key is not None and any(
            source.is_uri_of(uri, origin.key) for source in self._list_origins(origin)
        )

    def _list_origins(self, origin: Origin) -> Iterator[MediaSource]:
        """The sources that the task's own object may belong to."""
        for source in self.sources:
            if origin.storage_id is None:
                if source.slot_id is not None and source.slot_id == origin.slot_id:
                    yield replace(source, mapped_prefix=None)
            elif source.id == origin.storage_id:
                yield source


def load_sources(catalog: Catalog, session: Session, project_id: int) -> MediaSources:
    """The import storages and slots of a project, whatever their last sync came to."""
    query = (
        select(Storage)
        .where(Storage.project_id == project_id, Storage.purpose == Purpose.IMPORT)
        .order_by(col(Storage.id))
    )
    rows = {row.id: row for row in session.exec(query)}
    sources = tuple(_build_source(catalog, row) for row in rows.values())
    slots = select(Slot).where(Slot.project_id == project_id).order_by(col(Slot.id))
    for slot in session.exec(slots):
        sources += (_build_slot(catalog, slot, rows.get(slot.storage_id or 0)),)
    schemes = {base.partition("://")[0] for each in sources for base in each.bases}
    return MediaSources(sources, frozenset(schemes))


def _build_source(catalog: Catalog, storage: Storage) -> MediaSource:
    return MediaSource(
        id=storage.id,
        provider=storage.provider,
        stamp=storage.updated_at.isoformat(),
        bases=_list_bases(catalog, storage),
        prefix=join_prefix(storage.prefix, is_literal=storage.literal_prefix),
        presign=storage.presign,
        ttl=timedelta(minutes=storage.presign_ttl),
    )


def _build_slot(catalog: Catalog, slot: Slot, storage: Storage | None) -> MediaSource:
    bases = _list_bases(catalog, slot)
    if storage is None:
        return MediaSource(
            id=0,
            provider=slot.provider,
            stamp=slot.updated_at.isoformat(),
            bases=bases,
            prefix=slot.prefix,
            presign=False,
            ttl=timedelta(),
            standing=Standing.SLOT if slot.is_kept else Standing.DETACHED,
            slot_id=slot.id,
            is_kept=slot.is_kept,
        )
    source = _build_source(catalog, storage)
    return replace(
        source,
        bases=bases,
        prefix=slot.prefix,
        standing=Standing.SLOT,
        slot_id=slot.id,
        mapped_prefix=slot.mapped_prefix,
        boundary=source.prefix,
    )


def _list_bases(catalog: Catalog, storage: Storage | Slot) -> tuple[str, ...]:
    """The beginning of its URIs in every scheme that its provider knows."""
    scheme, mark, rest = storage.base_uri.partition("://")
    if not mark:
        return ()
    try:
        others = catalog.provider(storage.provider).info.schemes
    except LabeldockError:  # it is gone; its media say so when they are asked for
        others = ()
    schemes = dict.fromkeys((scheme.lower(), *others))
    return tuple(f"{each}{mark}{rest}" for each in schemes)


def _is_served(key: str, prefix: str) -> bool:
    """Whether the key lies within the prefix, also for servers that fold `..`."""
    if not key or not key.startswith(prefix):
        return False
    if not prefix or ".." not in key:
        return True
    return posixpath.normpath(f"/{key}").startswith(f"/{prefix}")
