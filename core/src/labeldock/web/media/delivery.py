"""What a request for a stream is to be answered with: conditions, range, object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from labeldock.contract.errors import InvalidRange, PreconditionFailed
from labeldock.contract.values import ByteRange, ObjectBody, ObjectInfo, ReadRequest
from labeldock.services.resolving.conditions import (
    Outcome,
    Validators,
    allows_range,
    build_etag,
    check_conditions,
    has_conditions,
)
from labeldock.services.resolving.media import Stream, utc_now
from labeldock.services.resolving.ranges import (
    is_long_suffix,
    limit_suffix,
    parse_range,
)
from labeldock.web.media.engine import MediaEngine
from labeldock.web.media.headers import build_cache_headers, build_content_headers
from labeldock.web.media.pump import Pump

_ANY_LENGTH: Final = 2**62


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """A response: its start, and the pump that gives its body, if it has one."""

    status: int
    headers: dict[str, str]
    pump: Pump | None = None


class Delivery:
    """One request for an object. Whoever makes it closes it."""

    def __init__(
        self, engine: MediaEngine, stream: Stream, headers: Mapping[str, str]
    ) -> None:
        """Take the request's headers, their names in lower case."""
        self._engine = engine
        self._stream = stream
        self._headers = headers
        self._limit = engine.app.settings.resolver_proxy_max_range_size
        if stream.is_download:
            self._limit = _ANY_LENGTH
        self._pump: Pump | None = None

    async def describe(self) -> StreamAnswer:
        """The answer to HEAD.

        Raises:
            LabeldockError: there is no such object, or the storage failed.
        """
        info = await self._load_info()
        unsent = self._check(info)
        return unsent or StreamAnswer(200, self._render(info, None))

    async def open(self) -> StreamAnswer:
        """The answer to GET.

        Raises:
            InvalidRange: the range holds no byte of the object.
            LabeldockError: there is no such object, or the storage failed.
        """
        wanted = parse_range(self._headers.get("range"), self._limit)
        is_long = wanted is not None and is_long_suffix(wanted, self._limit)
        if is_long or has_conditions(self._headers):
            info = await self._load_info()
            if unsent := self._check(info):
                return unsent
            if wanted is not None and is_long:
                wanted = limit_suffix(wanted, info.size, self._limit)
        return await self._send(wanted)

    def close(self) -> None:
        """Release the object."""
        if self._pump is not None:
            self._pump.close()

    # Conditions

    def _check(self, info: ObjectInfo) -> StreamAnswer | None:
        """The answer if the conditions say that nothing is to be sent."""
        match check_conditions(self._headers, self._validate(info)):
            case Outcome.NOT_MODIFIED:
                return StreamAnswer(304, self._render_validators(info))
            case Outcome.FAILED:
                raise PreconditionFailed("The object has changed.", key=info.key)
            case Outcome.SEND:
                return None

    def _is_wanted(self, info: ObjectInfo) -> bool:
        """Whether a part of the object fits what the client has."""
        return allows_range(self._headers.get("if-range"), self._validate(info))

    def _validate(self, info: ObjectInfo) -> Validators:
        etag = build_etag(info.etag, self._stream.viewer)
        return Validators(etag, info.last_modified)

    # Reading

    async def _send(self, wanted: ByteRange | None) -> StreamAnswer:
        """The object's part, or all of it if a part would not fit (If-Range)."""
        try:
            pump, body = await self._start(wanted)
        except InvalidRange:
            if "if-range" not in self._headers:
                raise
            if self._is_wanted(await self._load_info()):
                raise
            pump, body = await self._start(None)
        if body.content_range and not self._is_wanted(body.info):
            pump, body = await self._start(None)
        headers = self._render(body.info, body)
        return StreamAnswer(206 if body.content_range else 200, headers, pump)

    async def _start(self, wanted: ByteRange | None) -> tuple[Pump, ObjectBody]:
        self.close()
        request = ReadRequest(self._stream.key, wanted)
        self._pump = Pump(self._engine.threads, lambda: self._read(request))
        return self._pump, await self._pump.open()

    async def _load_info(self) -> ObjectInfo:
        request = ReadRequest(self._stream.key, metadata_only=True)

        def load() -> ObjectInfo:
            body = self._read(request)
            body.reader.close()
            return body.info

        return await self._engine.threads.read(load)

    def _read(self, request: ReadRequest) -> ObjectBody:
        return self._stream.connection.get_data(request)

    # Headers

    def _render(self, info: ObjectInfo, body: ObjectBody | None) -> dict[str, str]:
        part = body.content_range if body else None
        content = build_content_headers(self._stream, info, part)
        return content | self._render_validators(info)

    def _render_validators(self, info: ObjectInfo) -> dict[str, str]:
        seconds = self._engine.app.settings.resolver_proxy_cache_timeout
        validators = self._validate(info)
        return build_cache_headers(self._stream, validators, seconds, utc_now())
