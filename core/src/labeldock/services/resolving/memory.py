"""What decisions about media are made from, remembered for a moment.

Everything here is looked up by way of a `Look`: from memory alone, which never blocks,
or from the database where it is not remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from sqlmodel import Session, col, select

from labeldock.contract.errors import NotFound
from labeldock.contract.values import SignedUrl
from labeldock.db.slots import Reference
from labeldock.db.tables import ImportLink, Task
from labeldock.services import access
from labeldock.services.access import Permission, Principal
from labeldock.services.connections import Connection, load_connection
from labeldock.services.context import AppContext
from labeldock.services.counters import no_such_task
from labeldock.services.resolving.cache import Cache, KeyT, ValueT
from labeldock.services.resolving.data import list_references
from labeldock.services.resolving.references import has_link, refers_to
from labeldock.services.resolving.storages import (
    Located,
    MediaSources,
    Origin,
    load_sources,
)

_MOST_REFERENCES: Final = 10_000  # of a task that is remembered
_LASTING: Final = 10  # how many times as long tasks are relied on as permissions are


class Look(Protocol):
    """A way to look something up."""

    def __call__(
        self, cache: Cache[KeyT, ValueT], key: KeyT, load: Callable[[], ValueT], /
    ) -> ValueT:
        """The value for a key."""


class NotRemembered(Exception):
    """What is looked for is not in memory."""


def look_in_memory(
    cache: Cache[KeyT, ValueT], key: KeyT, load: Callable[[], ValueT], /
) -> ValueT:
    """Look something up without ever blocking.

    Raises:
        NotRemembered: it would have to be loaded.
    """
    del load
    value = cache.get(key)
    if value is None:
        raise NotRemembered
    return value


def look_everywhere(
    cache: Cache[KeyT, ValueT], key: KeyT, load: Callable[[], ValueT], /
) -> ValueT:
    """Look something up, and load it if need be."""
    return cache.fill(key, load)


class TaskMedia(NamedTuple):
    """What a task is part of and was made from; its data is looked at when needed."""

    project_id: int
    origin: Origin
    epoch: int


class MediaMemory:
    """Bounded memories, one for each kind of thing; safe to use from many threads."""

    def __init__(
        self,
        app: AppContext,
        seconds: float,
        find_lifetime: Callable[[SignedUrl], float],
    ) -> None:
        """Start empty.

        Args:
            app: the parts to load from.
            seconds: how long permissions and storages are relied on; tasks, which
                hardly change, for ten times as long.
            find_lifetime: the same for a signed URL.
        """
        self._app = app
        lasting = _LASTING * seconds
        self._tasks: Cache[int, TaskMedia] = Cache(16_384, lambda _: lasting)
        self._viewers: Cache[tuple[int, Principal], str] = Cache(
            4096, lambda _: seconds
        )
        self._sources: Cache[tuple[int, int], MediaSources] = Cache(
            1024, lambda _: seconds
        )
        self._connections: Cache[int, Connection] = Cache(1024, lambda _: seconds)
        self._references: Cache[tuple[int, frozenset[str]], frozenset[str]] = Cache(
            4096, lambda found: lasting if len(found) <= _MOST_REFERENCES else 0
        )
        self._referred: Cache[tuple[int, str], bool] = Cache(4096, lambda _: seconds)
        self.signed: Cache[tuple[int, str, str], SignedUrl] = Cache(
            16_384, find_lifetime
        )

    def find_viewer(
        self,
        look: Look,
        principal: Principal,
        project_id: int,
        hidden: NotFound | None = None,
    ) -> str:
        """Who sees a project's media and in which role.

        Raises:
            NotFound, NotAllowed: there is no such project, or it is not theirs to see;
                `hidden` where they may not know of it.
        """

        def load() -> str:
            with self._app.database.read() as session:
                standing = access.require(
                    session, principal, project_id, Permission.VIEW, hidden=hidden
                )
            return f"{principal.user_id}:{standing.role or 'admin'}"

        # Not by the user's number alone: their tokens are not all good for the same.
        return look(self._viewers, (project_id, principal), load)

    def find_task(self, look: Look, task_id: int) -> TaskMedia:
        """What a task is part of.

        Raises:
            NotFound: there is no such task.
        """
        media = look(self._tasks, task_id, lambda: self._load_task(task_id))
        if media.epoch == self._app.epochs.find(media.project_id):
            return media
        self._tasks.drop(task_id)
        return look(self._tasks, task_id, lambda: self._load_task(task_id))

    def find_sources(self, look: Look, project_id: int) -> MediaSources:
        """The storages of a project that media may come from."""

        def load() -> MediaSources:
            with self._app.database.read() as session:
                return load_sources(self._app.catalog, session, project_id)

        epoch = self._app.epochs.find(project_id)
        return look(self._sources, (project_id, epoch), load)

    def refers(self, look: Look, task_id: int, sources: MediaSources, uri: str) -> bool:
        """Whether a task's data refers to a URI; never denied from memory."""
        key = (task_id, sources.schemes)
        known = self._references.get(key)
        if known is not None:
            if uri in known:
                return True
            self._references.drop(key)

        def load() -> frozenset[str]:
            query = select(Task.data).where(Task.id == task_id)
            with self._app.database.read() as session:
                return list_references(sources, session.exec(query).first())

        return uri in look(self._references, key, load)

    def ensure_project_refers(
        self, look: Look, project_id: int, located: Located, uri: str
    ) -> None:
        """Make sure that a task of the project refers to an object.

        Raises:
            NotFound: none does.
        """

        def load() -> bool:
            with self._app.database.read() as session:
                if has_link(session, located.source, located.key):
                    return True
                if refers_to(session, project_id, uri):
                    return True
            raise NotFound(
                f"No task of project {project_id} refers to this object.",
                field="fileuri",
            )

        look(self._referred, (project_id, uri), load)

    def find_connection(self, look: Look, storage_id: int) -> Connection:
        """The storage, ready to be read from.

        Raises:
            NotFound: it was removed.
            PluginError, InvalidInput, ConfigurationError: it cannot be used.
        """
        return look(
            self._connections,
            storage_id,
            lambda: load_connection(self._app, storage_id),
        )

    def _load_task(self, task_id: int) -> TaskMedia:
        query = (
            select(Task.project_id, ImportLink.storage_id, ImportLink.key)
            .join(ImportLink, col(ImportLink.task_id) == col(Task.id), isouter=True)
            .where(Task.id == task_id)
            .order_by(col(ImportLink.id))
        )
        with self._app.database.read() as session:
            row = session.exec(query).first()
            if row is None:
                raise no_such_task(task_id)
            epoch = self._app.epochs.find(row[0])
            if row[1] is not None:
                return TaskMedia(row[0], Origin(row[1], row[2]), epoch)
            return TaskMedia(row[0], _load_reference(session, task_id), epoch)


def _load_reference(session: Session, task_id: int) -> Origin:
    """Where a task came from that no storage has a link for."""
    query = select(Reference.key, Reference.slot_id).where(Reference.task_id == task_id)
    row = session.exec(query.order_by(col(Reference.id))).first()
    return Origin(None, row[0], row[1]) if row else Origin(None, None)
