"""A folder of a bucket: its folders with sizes, its objects and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import ListQuery, ObjectInfo, ObjectPage
from labeldock.services.access import Principal
from labeldock.services.buckets.opening import OpenBucket, open_bucket
from labeldock.services.buckets.states import (
    ObjectState,
    find_states,
    list_vanished,
)
from labeldock.services.context import AppContext
from labeldock.services.importing.source import is_marker
from labeldock.telemetry import CorrelatedPool

_PAGE: Final = 60
_COUNTED: Final = 1000
_COUNTERS: Final = 8
_COUNT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Subfolder:
    """A folder within a folder; what could not be counted in time has no numbers.

    Attributes:
        prefix: what its keys begin with.
        name: the last part of that.
        objects: how many objects are below it, as far as was counted.
        size: their bytes.
        has_more: whether there are more than were counted.
    """

    prefix: str
    name: str
    objects: int | None = None
    size: int = 0
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An object, and what became of it here."""

    info: ObjectInfo
    name: str
    state: ObjectState


@dataclass(frozen=True, slots=True)
class Folder:
    """A page of what lies directly below a prefix.

    Attributes:
        prefix: what all keys begin with.
        root: the storage's own prefix, above which nobody sees.
        folders: the folders of this page.
        entries: its objects.
        vanished: keys that were imported from here and are gone.
        cursor: where the next page begins, or None.
    """

    prefix: str
    root: str
    folders: tuple[Subfolder, ...]
    entries: tuple[Entry, ...]
    vanished: tuple[str, ...]
    cursor: str | None


def open_folder(
    app: AppContext,
    principal: Principal,
    storage_id: int,
    prefix: str | None = None,
    cursor: str | None = None,
) -> Folder:
    """A page of a folder; without a prefix, of the storage's own.

    Raises:
        InvalidInput: the prefix is not one of the storage's.
        StorageError: the bucket cannot be listed, or the cursor is too old.
        NotFound, NotAllowed: as they say.
    """
    bucket = open_bucket(app, principal, storage_id)
    wanted = bucket.prefix if prefix is None else prefix
    bucket.ensure_within(wanted)
    query = ListQuery(wanted, delimiter="/", cursor=cursor, limit=_PAGE)
    page = _list(bucket, query)
    infos = [info for info in page.objects if not is_marker(info)]
    with app.database.read() as session:
        states = find_states(session, bucket, infos)
        # Only within what the page shows: further ones come with its other pages.
        upto = page.objects[-1].key if page.cursor and page.objects else None
        first = infos[0].key if cursor and infos else wanted
        vanished = list_vanished(session, bucket, wanted, first, upto)
    return Folder(
        prefix=wanted,
        root=bucket.prefix,
        folders=_count_all(bucket, wanted, page.prefixes),
        entries=tuple(
            Entry(info, info.key[len(wanted) :], states[info.key]) for info in infos
        ),
        vanished=tuple(vanished),
        cursor=page.cursor,
    )


def _list(bucket: OpenBucket, query: ListQuery) -> ObjectPage:
    connection = bucket.connection
    return connection.provider.list_objects(connection.ref, query)


def _count_all(
    bucket: OpenBucket, parent: str, prefixes: Sequence[str]
) -> tuple[Subfolder, ...]:
    """The folders, each counted as far as one listing goes, within a few seconds."""
    pool = CorrelatedPool(_COUNTERS, thread_name_prefix="folders")
    counting = [pool.submit(partial(_count, bucket, parent, p)) for p in prefixes]
    done, _ = wait(counting, timeout=_COUNT_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    return tuple(
        work.result() if work in done else Subfolder(prefix, prefix[len(parent) :])
        for prefix, work in zip(prefixes, counting, strict=True)
    )


def _count(bucket: OpenBucket, parent: str, prefix: str) -> Subfolder:
    name = prefix[len(parent) :]
    with suppress(LabeldockError):  # the page shows the folder without numbers
        page = _list(bucket, ListQuery(prefix, limit=_COUNTED))
        infos = [info for info in page.objects if not is_marker(info)]
        size = sum(info.size for info in infos)
        return Subfolder(prefix, name, len(infos), size, page.cursor is not None)
    return Subfolder(prefix, name)
