"""Where the objects of a backup are read: storages, or what Labeldock keeps itself."""

from __future__ import annotations

import threading

from labeldock.contract.errors import NotConnected
from labeldock.services.backups.objects import Wanted
from labeldock.services.connections import Place, load_connection
from labeldock.services.context import AppContext
from labeldock.services.persistent.store import open_store
from labeldock.services.resolving.media import NOT_CONNECTED
from labeldock.services.slots.kept import kept_key

DETACHED = 0


class ObjectFinder:
    """Opens each place once; safe to use from many threads."""

    def __init__(self, app: AppContext) -> None:
        """Open nothing yet."""
        self._app = app
        self._lock = threading.Lock()
        self._places: dict[int, Place] = {}

    def find(self, wanted: Wanted) -> tuple[Place, str]:
        """The place of an object, and its key there.

        Raises:
            NotConnected: it belongs to a slot that no storage is connected to.
            LabeldockError: the storage cannot be used.
        """
        if wanted.source == DETACHED:
            raise NotConnected(
                NOT_CONNECTED,
                remedy="Connect a storage first, or make a lightweight backup.",
            )
        place = self._open(max(wanted.source, DETACHED))
        if wanted.source < 0:
            return place, kept_key(-wanted.source, wanted.key)
        return place, wanted.place_key

    def _open(self, storage_id: int) -> Place:
        """A storage; 0 is the persistent storage."""
        with self._lock:
            if storage_id not in self._places:
                self._places[storage_id] = (
                    load_connection(self._app, storage_id)
                    if storage_id
                    else open_store(self._app)
                )
            return self._places[storage_id]
