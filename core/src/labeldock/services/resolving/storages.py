"""Which storage of a project answers for a URI, and under which key.

The prefix of a storage is a boundary: what lies outside is not served, even where the
credentials would reach it. That a storage was never synced does not matter here.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlmodel import Session, col, select

from labeldock.contract.errors import LabeldockError, NotFound
from labeldock.contract.values import Purpose
from labeldock.db.tables import Storage
from labeldock.host.catalog import Catalog
from labeldock.services.storage_fields import join_prefix


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A storage, as far as it matters for finding what a URI leads to.

    Attributes:
        id: the storage's number.
        provider: the name of its provider, which may be gone.
        stamp: changes whenever the storage's settings do.
        bases: what precedes the key in its URIs, once for each scheme.
        prefix: what the keys that it serves begin with.
        presign: whether browsers are to be redirected.
        ttl: how long a signed URL is to be valid.
    """

    id: int
    provider: str
    stamp: str
    bases: tuple[str, ...]
    prefix: str
    presign: bool
    ttl: timedelta


class Origin(NamedTuple):
    """The object that a task was made from, if it was."""

    storage_id: int | None
    key: str | None


class Located(NamedTuple):
    """An object: the storage that serves it, and its key."""

    source: MediaSource
    key: str


@dataclass(frozen=True, slots=True)
class MediaSources:
    """The import storages of a project."""

    sources: tuple[MediaSource, ...]
    schemes: frozenset[str]

    def locate(self, uri: str, origin_id: int | None) -> Located:
        """The storage and key for a URI.

        Of several, the one with the longest prefix counts, then the one that the task
        came from, then the one with the lowest number.

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
        best, best_rank = None, (0, False, 0)
        for source in self.sources:
            for base in source.bases:
                if not uri.startswith(base):
                    continue
                key = uri[len(base) :]
                rank = (
                    len(base) + len(source.prefix),
                    source.id == origin_id,
                    -source.id,
                )
                if rank > best_rank and _is_served(key, source.prefix):
                    best, best_rank = Located(source, key), rank
        return best

    def is_origin(self, uri: str, origin: Origin) -> bool:
        """Whether the URI is that of the very object that a task was made from."""
        return origin.key is not None and any(
            uri == base + origin.key
            for source in self.sources
            if source.id == origin.storage_id
            for base in source.bases
        )


def load_sources(catalog: Catalog, session: Session, project_id: int) -> MediaSources:
    """The import storages of a project, whatever their last sync came to."""
    query = (
        select(Storage)
        .where(Storage.project_id == project_id, Storage.purpose == Purpose.IMPORT)
        .order_by(col(Storage.id))
    )
    sources = tuple(_build_source(catalog, row) for row in session.exec(query))
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


def _list_bases(catalog: Catalog, storage: Storage) -> tuple[str, ...]:
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
