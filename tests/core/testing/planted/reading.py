"""Wrong reading."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from weakref import finalize

from labeldock.contract import (
    InvalidRange,
    ObjectNotFound,
    PreconditionFailed,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider
from tests.core.testing.planted import plant
from tests.core.testing.shelf.provider import ShelfProvider


class Spoiled:
    """A reader whose blocks go through a function."""

    def __init__(self, reader, change):
        self.reader, self.change = reader, change

    def read(self, size):
        return self.change(self.reader.read(size))

    def close(self):
        self.reader.close()


def spoil(body, change):
    return replace(body, reader=Spoiled(body.reader, change))


@plant("R1")
class LineEndsTranslated(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        return spoil(body, lambda block: block.replace(b"\n", b"\r"))


@plant("R2")
class NoneAtTheEnd(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        return spoil(body, lambda block: block or None)


@plant("R3")
class RangeOffByOne(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        if body.content_range is None:
            return body
        return spoil(body, lambda block: bytes((n + 1) % 256 for n in block))


@plant("R3")
class SuffixAsOffset(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        wanted = request.byte_range
        if wanted and wanted.first is None:
            wanted = replace(wanted, first=wanted.last, last=None)
        return super().get_data(storage, replace(request, byte_range=wanted))


@plant("R4")
class ForeignErrorEscapes(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        try:
            return super().get_data(storage, request)
        except ObjectNotFound:
            raise KeyError(request.key) from None


@plant("R5")
class ConnectionsLeaked(MemoryProvider):
    def __init__(self):
        super().__init__()
        self.kept = ExitStack()
        finalize(self, self.kept.close)  # else they would be a later test's warnings

    @hookimpl
    def get_data(self, storage, request):
        self.kept.enter_context(TemporaryFile())  # noqa: SIM115  the fault
        return super().get_data(storage, request)


@plant("R6")
class BlocksTooLarge(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        whole = body.reader

        class Greedy:
            close = whole.close

            def read(self, size):
                return whole.read(size * 2)

        return replace(body, reader=Greedy())


@plant("R7")
class ContentTypeLost(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        return replace(body, info=body.info._replace(content_type=None))


@plant("R7")
class SizeOfTheRange(ShelfProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        if body.content_range is None:
            return body
        size = body.content_range.length
        return replace(body, info=body.info._replace(size=size))


@plant("R8")
class OldAndNewMixed(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        bucket = self._find_bucket(storage)
        state = {"offset": 0}

        class Live:
            def read(self, size):
                start = state["offset"]
                data = bucket.find(request.key).data[start : start + size]
                data = data[: max(0, body.info.size - start)]
                state["offset"] += len(data)
                return data

            def close(self):
                pass

        return replace(body, reader=Live())


@plant("R9")
class ForbiddenAsMissing(ShelfProvider):
    @hookimpl
    def get_data(self, storage, request):
        if storage.options.token.get_secret_value() == "token-of-nobody":
            raise ObjectNotFound("there is no such object", key=request.key)
        return super().get_data(storage, request)


@plant("R10")
class BytesWithMetadata(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        return super().get_data(storage, replace(request, metadata_only=False))


@plant("R11")
class IfMatchIgnored(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        return super().get_data(storage, replace(request, if_match=None))


@plant("R12")
class SizeOfNothing(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        try:
            return super().get_data(storage, request)
        except InvalidRange:
            raise InvalidRange("out of range", key=request.key) from None


@plant("R14")
class GoneAsChanged(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        try:
            return super().get_data(storage, request)
        except ObjectNotFound:
            if request.if_match is None:
                raise
            raise PreconditionFailed("changed", key=request.key) from None


@plant("R15")
class RandomETags(MemoryProvider):
    numbers = itertools.count()

    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        etag = str(next(self.numbers))
        return replace(body, info=body.info._replace(etag=etag))


@plant("R16", patience=1.0)
class CloseWaitsForRead(ShelfProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        body.reader._connection.sock.settimeout(20)
        lock = Lock()

        class Polite:
            def read(self, size):
                with lock:
                    return body.reader.read(size)

            def close(self):
                if lock.acquire(timeout=2):
                    body.reader.close()
                    lock.release()

        return replace(body, reader=Polite())


@plant("R17")
class UnknownTokenAsForbidden(ShelfProvider):
    @hookimpl
    def get_data(self, storage, request):
        if storage.options.token.get_secret_value() == "token-unknown":
            raise ObjectNotFound("who?", key=request.key)
        return super().get_data(storage, request)


@plant("R18")
class KeysNormalised(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        key = request.key.replace("//", "/")
        body = super().get_data(storage, replace(request, key=key))
        return replace(body, info=body.info._replace(key=request.key))


@plant("R19")
class CrashOnZero(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        with suppress(FileNotFoundError):
            Path(request.key).stat()
        return super().get_data(storage, request)
