"""Look at the objects in the inbox: in a run of its own, or beside a walk.

Each key is looked up in the bucket: what is there is imported or compared as a walk
would do it, what is not there has vanished. So an entry that is looked at twice, or too
late, does no harm, and entries are removed only after what they led to is committed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from labeldock.contract.errors import (
    ContainerNotFound,
    ObjectNotFound,
    PluginError,
    StorageError,
    TransientStorageError,
    Unauthenticated,
)
from labeldock.contract.values import ObjectInfo, ReadRequest
from labeldock.services import leases
from labeldock.services.context import AppContext
from labeldock.services.events import inbox
from labeldock.services.events.inbox import Entry
from labeldock.services.importing.beside import Beside, PartTaken, find_place
from labeldock.services.importing.cutting import Stretch
from labeldock.services.importing.pages import Failure, list_linked_keys
from labeldock.services.importing.source import Source, load_source
from labeldock.services.importing.stretches import import_stretch
from labeldock.services.leases import Lease
from labeldock.telemetry import CorrelatedPool

BETWEEN_PAGES: Final = 200
"""How many keys are looked at, at most, before a walk goes on with its next page."""

_AT_ONCE: Final = 1000
_OF_THE_STORAGE: Final = (TransientStorageError, Unauthenticated, ContainerNotFound)

_log = structlog.get_logger(__name__)

Finding = ObjectInfo | Failure | None
"""An object, why it cannot be told, or None: there is no such object."""


def drain_slice(app: AppContext, lease: Lease) -> bool:
    """Work on an inbox until it is empty or the slice used up; whether the run ended.

    Raises:
        LeaseLost: the run is somebody else's, or cancelled.
        LabeldockError: the storage cannot be asked.
    """
    # In this thread alone: such a run has no parts that others could take.
    source = replace(load_source(app, lease.storage_id), is_shared=False)
    deadline = time.monotonic() + app.settings.slice_seconds
    limit = min(app.settings.page_size, _AT_ONCE)
    while entries := inbox.list_entries(app, lease.storage_id, limit):
        _look_at(app, lease, source, entries)
        inbox.remove_entries(app, entries)
        if lease.is_over(deadline):
            leases.hand_back(app, lease)
            return False
    state = "completed_with_errors" if lease.counts.get("failed") else "completed"
    leases.finish(app, lease, state)
    return True


class WatchedInbox:
    """The inbox of a storage, looked into between the pages of a walk.

    Only who holds the run does it, in the thread that walks, so that a key is written
    by the walk or for the inbox, and never by both at once.
    """

    def __init__(self, app: AppContext, lease: Lease, source: Source) -> None:
        """Watch it for the length of a slice; a part of a run has none."""
        self._app, self._lease = app, lease
        self._source = replace(source, is_shared=False)
        self._next_look = 0.0 if lease.part is None else math.inf

    def look(self) -> None:
        """Deal with some of what waits, if it is time to look.

        A walk does not fail of its inbox: a storage that cannot be asked is left to
        the walk, which asks it next.

        Raises:
            LeaseLost: the run is somebody else's, or cancelled.
        """
        if time.monotonic() < self._next_look:
            return
        storage, run = self._lease.storage_id, self._lease.run_id
        entries = inbox.list_entries(self._app, storage, BETWEEN_PAGES, beside=run)
        if not entries:
            self._next_look = time.monotonic() + self._app.settings.event_delay
            return
        try:
            self._look_at(entries)
        except PartTaken:
            _log.info("inbox_look_given_up")  # somebody was quicker; the next one may
        except StorageError as error:
            _log.warning("inbox_left", code=error.code, reason=error.message)
            self._next_look = math.inf

    def _look_at(self, entries: Sequence[Entry]) -> None:
        place = find_place(self._app, self._lease, self._source)
        free = [entry for entry in entries if not place.is_held(entry.key)]
        _look_at(self._app, self._lease, self._source, free, place)
        inbox.remove_entries(self._app, free)


def _look_at(
    app: AppContext,
    lease: Lease,
    source: Source,
    entries: Sequence[Entry],
    beside: Beside | None = None,
) -> None:
    keys = sorted(entry.key for entry in entries if source.covers(entry.key))
    if not keys:
        return
    find = partial(_find, source, lease)
    with CorrelatedPool(app.settings.read_threads, "events") as pool:
        found = dict(zip(keys, pool.map(find, keys), strict=True))
    failures = [item for item in found.values() if isinstance(item, Failure)]
    untold = {failure.key for failure in failures}
    stretch = Stretch(
        after="",
        upto=None,
        objects=[item for item in found.values() if isinstance(item, ObjectInfo)],
        linked=[
            link
            for link in list_linked_keys(app, lease.storage_id, keys)
            if link.key not in untold
        ],
        checkpoint=dict(lease.checkpoint),
        restart=lease.checkpoint,
        is_named=True,
        beside=beside,
    )
    import_stretch(app, lease, source, stretch, failures)


def _find(source: Source, lease: Lease, key: str) -> Finding:
    request = ReadRequest(key, metadata_only=True)
    try:
        body = source.connection.provider.get_data(source.connection.ref, request)
    except ObjectNotFound:
        return None
    except _OF_THE_STORAGE:
        raise
    except (StorageError, PluginError) as error:
        return Failure(None, key, -1, error.code, error.message, error.remedy)
    body.reader.close()
    lease.move()
    return body.info._replace(key=key)
