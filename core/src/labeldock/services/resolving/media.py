"""Who may have which media, and how: permission, then object, storage, and the way.

A decision is made from what was looked up a moment ago, so that a page full of media
asks the database once. A revoked permission is seen a second later.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import structlog

from labeldock.contract.errors import (
    ConfigurationError,
    InvalidInput,
    NotConnected,
    NotFound,
    NotSupported,
    PluginError,
)
from labeldock.contract.values import PresignRequest, SignedUrl, Signing
from labeldock.services.access import Principal
from labeldock.services.connections import Connection, Place
from labeldock.services.context import AppContext
from labeldock.services.counters import no_such_task
from labeldock.services.persistent.store import PersistentStore, open_store
from labeldock.services.resolving.content import OCTETS, guess_type, render_disposition
from labeldock.services.resolving.memory import (
    Look,
    MediaMemory,
    NotRemembered,
    look_everywhere,
    look_in_memory,
)
from labeldock.services.resolving.signing import MediaGrant, sign_media_url
from labeldock.services.resolving.storages import Located, MediaSource, Standing
from labeldock.services.resolving.uris import lower_scheme
from labeldock.services.slots.kept import kept_key

_log = structlog.get_logger(__name__)
_SECONDS: Final = 1.0
_LINK_VIEWER: Final = "link"
NOT_CONNECTED: Final = "The storage of this media is not connected."


@dataclass(frozen=True, slots=True)
class MediaAsk:
    """Media that somebody asks for, as part of a task or of a project.

    Attributes:
        principal: who asks.
        part_of: what they are part of.
        id: its number.
        uri: where they lie.
        is_read_here: never redirect, since the bytes themselves are wanted.
    """

    principal: Principal
    part_of: Literal["task", "project"]
    id: int
    uri: str
    is_read_here: bool = False

    @property
    def task_id(self) -> int | None:
        """The task, if it is one."""
        return self.id if self.part_of == "task" else None


@dataclass(frozen=True, slots=True)
class Redirect:
    """The browser is to fetch it elsewhere."""

    signed: SignedUrl
    storage_id: int
    key: str
    user_id: int | None
    task_id: int | None


@dataclass(frozen=True, slots=True)
class Stream:
    """It is to be passed through.

    Attributes:
        connection: where it is read.
        storage_id: the same, as a number; None for the persistent storage.
        key: what is read there.
        viewer: who sees it in which role; part of the ETag.
        user_id: who sees it, if that is known.
        task_id: the task that it is part of, or None.
        content_type: the type to answer, or None for the object's own.
        disposition: the disposition to answer, or None for what the type calls for.
        ends_at: when the permission itself ends, in seconds since 1970, or None.
        is_download: a file that may be large, for somebody who takes it home: it may
            take as long as it moves, and a range may be of any length.
    """

    connection: Place
    storage_id: int | None
    key: str
    viewer: str
    user_id: int | None = None
    task_id: int | None = None
    content_type: str | None = None
    disposition: str | None = None
    ends_at: int | None = None
    is_download: bool = False


Decision = Redirect | Stream


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


class MediaDesk:
    """Decides about media. One per process; safe to call from many threads."""

    def __init__(
        self,
        app: AppContext,
        *,
        seconds: float = _SECONDS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Start without memories.

        Args:
            app: the parts to work with.
            seconds: how long what was looked up is relied on.
            now: the time.
        """
        self._app = app
        self._now = now
        self._memory = MediaMemory(app, seconds, self._find_half_life)
        self._store: PersistentStore | None = None

    def recall(self, ask: MediaAsk | MediaGrant) -> Decision | None:
        """The decision, if it can be made from memory alone; never blocks.

        Raises:
            NotFound: as in `prepare`.
        """
        try:
            return self._decide(ask, look_in_memory)
        except NotRemembered:
            return None

    def prepare(self, ask: MediaAsk | MediaGrant) -> Decision:
        """The decision.

        Raises:
            NotAllowed: who asks may not see the project.
            NotFound: no such task, project or storage; no storage answers for the URI;
                or the task does not refer to it.
            NotConnected: the storage is there, and cannot be used as it is.
            StorageError, PluginError: the provider could not sign.
        """
        return self._decide(ask, look_everywhere)

    def _decide(self, ask: MediaAsk | MediaGrant, look: Look) -> Decision:
        if isinstance(ask, MediaGrant):
            return self._decide_grant(ask, look)
        located, viewer = self._locate(ask, look)
        source, key = located
        if source.standing is Standing.DETACHED:
            raise _refuse_detached(source, ask)
        if source.is_kept:
            return self._find_kept(located, ask, viewer)
        user_id, task_id = ask.principal.user_id, ask.task_id
        signed = None if ask.is_read_here else self._sign(located, look)
        if signed is not None:
            return Redirect(signed, source.id, key, user_id, task_id)
        connection = self._connect(source.id, look)
        return Stream(connection, source.id, key, viewer, user_id, task_id)

    def _find_kept(self, located: Located, ask: MediaAsk, viewer: str) -> Stream:
        """Media that lie in the persistent storage, under a key that says nothing."""
        if self._store is None:
            self._store = open_store(self._app)
        key, kind = located.key, guess_type(located.key) or OCTETS
        return Stream(
            connection=self._store,
            storage_id=None,
            key=kept_key(located.source.slot_id or 0, key),
            viewer=viewer,
            user_id=ask.principal.user_id,
            task_id=ask.task_id,
            content_type=kind,
            disposition=render_disposition(key, kind),
        )

    def _decide_grant(self, grant: MediaGrant, look: Look) -> Stream:
        return Stream(
            connection=self._connect(grant.storage_id, look),
            storage_id=grant.storage_id,
            key=grant.key,
            viewer=_LINK_VIEWER,
            content_type=grant.content_type,
            disposition=grant.disposition,
            ends_at=grant.expires_at,
        )

    # Which object

    def _locate(self, ask: MediaAsk, look: Look) -> tuple[Located, str]:
        uri = lower_scheme(ask.uri)
        if ask.part_of == "project":
            viewer = self._memory.find_viewer(look, ask.principal, ask.id)
            sources = self._memory.find_sources(look, ask.id)
            located = sources.locate(uri, None)
            if self._app.settings.media_project_references:
                self._memory.ensure_project_refers(look, ask.id, located, uri)
            return located, viewer
        project_id, origin, _ = self._memory.find_task(look, ask.id)
        viewer = self._memory.find_viewer(
            look, ask.principal, project_id, no_such_task(ask.id)
        )
        sources = self._memory.find_sources(look, project_id)
        located = sources.locate(uri, origin.storage_id)
        is_free = not self._app.settings.media_task_references
        if is_free or sources.is_origin(uri, origin):
            return located, viewer
        if not self._memory.refers(look, ask.id, sources, uri):
            raise NotFound(
                f"Task {ask.id} does not refer to this object.", field="fileuri"
            )
        return located, viewer

    # Which way

    def _sign(self, located: Located, look: Look) -> SignedUrl | None:
        """A signed URL; None if the object is to be passed through."""
        source, key = located
        signing = self._find_signing(source)
        if not source.presign or signing is Signing.NONE:
            return None
        if signing is not Signing.HOST and not _survives_folding(key):
            return None

        def load() -> SignedUrl:
            if signing is Signing.HOST:
                return self._sign_here(source, key)
            return self._ask_to_sign(source, key)

        try:
            return look(self._memory.signed, (source.id, source.stamp, key), load)
        except NotSupported:
            return None

    def _find_signing(self, source: MediaSource) -> Signing:
        try:
            return self._app.catalog.provider(source.provider).info.signing
        except PluginError as error:
            raise _not_connected() from error

    def _sign_here(self, source: MediaSource, key: str) -> SignedUrl:
        ends_at = math.ceil((self._now() + source.ttl).timestamp())
        grant = MediaGrant(source.id, key, ends_at)
        settings = self._app.settings
        return sign_media_url(self._app.vault, settings.public_url, grant)

    def _ask_to_sign(self, source: MediaSource, key: str) -> SignedUrl:
        connection = self._connect(source.id, look_everywhere)
        kind = guess_type(key)
        request = PresignRequest(
            key=key,
            ttl=source.ttl,
            content_type=kind,
            disposition=render_disposition(key, kind),
        )
        return connection.provider.presign(connection.ref, request)

    def _connect(self, storage_id: int, look: Look) -> Connection:
        try:
            return self._memory.find_connection(look, storage_id)
        except (PluginError, InvalidInput, ConfigurationError) as error:
            raise _not_connected() from error

    def _find_half_life(self, signed: SignedUrl) -> float:
        """A URL is handed out for the first half of its life only."""
        return (signed.expires_at - self._now()).total_seconds() / 2


def _survives_folding(key: str) -> bool:
    """Whether clients leave its path alone: they resolve dots before they send."""
    return not {".", ".."} & set(key.split("/"))


def _refuse_detached(source: MediaSource, ask: MediaAsk) -> NotConnected:
    """The error for media of a slot without a storage; only the log says which."""
    _log.warning(
        "media_not_connected",
        slot_id=source.slot_id,
        part_of=ask.part_of,
        part_id=ask.id,
        uri=ask.uri,
    )
    return _not_connected()


def _not_connected() -> NotConnected:
    return NotConnected(
        NOT_CONNECTED,
        remedy="A manager of the project can see why, and connect a storage.",
    )
