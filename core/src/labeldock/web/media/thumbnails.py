"""Thumbnails: found among those that were made, or made from the object, once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, NamedTuple

from labeldock.contract.errors import NotSupported, OperationTimeout, TooLarge
from labeldock.contract.values import ObjectBody, ObjectInfo, ReadRequest
from labeldock.services.resolving.cache import Cache
from labeldock.services.resolving.media import Stream
from labeldock.services.resolving.thumbnail_files import ThumbnailFiles, name_thumbnail
from labeldock.services.resolving.thumbnails import MAX_BYTES, make_thumbnail
from labeldock.settings import Settings
from labeldock.web.media.pump import Pump
from labeldock.web.media.threads import MediaThreads

_AT_A_TIME: Final = 8  # each may hold a file of the largest size
_MOST_WAITING: Final = 256
_KNOWN_SECONDS: Final = 30.0
_FOLDER: Final = "thumbnails"


class Thumbnail(NamedTuple):
    """A thumbnail; without data there is none, and the object itself has to do."""

    name: str
    data: bytes
    info: ObjectInfo


class TooMany(Exception):
    """As many thumbnails are waited for as may be."""


class Thumbnails:
    """Those of one process; used from its event loop."""

    def __init__(self, settings: Settings, threads: MediaThreads) -> None:
        """Keep them in the home folder."""
        self._settings = settings
        self._threads = threads
        folder = settings.home / "cache" / _FOLDER
        self._files = ThumbnailFiles(folder, settings.media_thumbnail_cache)
        self._infos: Cache[tuple[str, str], ObjectInfo] = Cache(
            4096, lambda _: _KNOWN_SECONDS
        )
        self._places = asyncio.Semaphore(_AT_A_TIME)
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def find(self, stream: Stream, size: int) -> Thumbnail:
        """The thumbnail of an object.

        Raises:
            TooMany: so many others are being made.
            LabeldockError: there is no such object, or the storage failed.
        """
        print_ = stream.connection.fingerprint
        info = self._infos.get((print_, stream.key))
        if info is None:
            info = await self._threads.read(partial(self._load_info, stream))
        state = (info.etag, info.size, info.last_modified)
        name = name_thumbnail(stream.storage_id, print_, stream.key, state, size)
        data = await self._threads.decide(partial(self._files.find, name))
        if data is None:
            data = await self._make_once(name, stream, info, size)
        return Thumbnail(name, data, info)

    def _load_info(self, stream: Stream) -> ObjectInfo:
        def load() -> ObjectInfo:
            body = _open(stream, metadata_only=True)
            body.reader.close()
            return body.info

        return self._infos.fill((stream.connection.fingerprint, stream.key), load)

    async def _make_once(
        self, name: str, stream: Stream, info: ObjectInfo, size: int
    ) -> bytes:
        """Make it, or wait for whoever makes it already."""
        making = self._making.get(name)
        if making is None:
            if len(self._making) >= _MOST_WAITING:
                raise TooMany
            making = asyncio.create_task(self._make(name, stream, info, size))
            self._making[name] = making
            making.add_done_callback(partial(self._forget, name))
        return await asyncio.shield(making)

    def _forget(self, name: str, made: asyncio.Task[bytes]) -> None:
        del self._making[name]
        if not made.cancelled():
            made.exception()  # whoever waits is told; nobody may wait any more

    async def _make(
        self, name: str, stream: Stream, info: ObjectInfo, size: int
    ) -> bytes:
        async with self._places:
            try:
                file = await self._load(stream, info)
                most = self._settings.media_thumbnail_pixels
                data = await self._threads.draw(
                    partial(make_thumbnail, file, size, most)
                )
            except (NotSupported, TooLarge):
                data = b""
        await self._threads.decide(partial(self._files.save, name, data))
        return data

    async def _load(self, stream: Stream, info: ObjectInfo) -> bytes:
        """The object's bytes.

        Raises:
            TooLarge: there are too many.
            OperationTimeout: they took too long.
        """
        seconds = self._settings.resolver_proxy_timeout
        pump = Pump(self._threads, partial(_open, stream))
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._read_all(pump, info)
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"The picture took longer than {seconds:g} seconds."
            raise OperationTimeout(message, key=stream.key) from None
        finally:
            pump.close()

    async def _read_all(self, pump: Pump, info: ObjectInfo) -> bytes:
        size = info.size
        if size <= MAX_BYTES:
            size = (await pump.open()).info.size  # it may have grown meanwhile
        if size > MAX_BYTES:
            raise TooLarge("The file is too large for a thumbnail.")
        blocks = []
        while pump.left:
            blocks.append(await pump.read())
        return b"".join(blocks)


def _open(stream: Stream, *, metadata_only: bool = False) -> ObjectBody:
    request = ReadRequest(stream.key, metadata_only=metadata_only)
    return stream.connection.get_data(request)
