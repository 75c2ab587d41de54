"""Wrong signing, checking, errors and lives."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import sortedcontainers

from labeldock.contract import (
    AccessDenied,
    Availability,
    BytesContent,
    ContainerNotFound,
    ListQuery,
    ObjectNotFound,
    OperationTimeout,
    Problem,
    Purpose,
    RateLimited,
    SignedUrl,
    StorageError,
    TransientStorageError,
    Unauthenticated,
    Unavailable,
    ValidationReport,
    WriteRequest,
    hookimpl,
)
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from tests.core.testing.planted import plant
from tests.core.testing.planted.reading import spoil
from tests.core.testing.shelf.provider import ShelfOptions, ShelfProvider

HOUR = timedelta(hours=1)
GOOD = ValidationReport(Availability.AVAILABLE)


# Signing


@plant("P1")
class NotSigned(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        signed = super().presign(storage, request)
        return replace(signed, url=signed.url.partition("?")[0])


@plant("P2")
class NeverExpires(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        signed = super().presign(storage, replace(request, ttl=request.ttl + HOUR))
        return replace(signed, expires_at=signed.expires_at - HOUR)


@plant("P4")
class QuotedTwice(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        return super().presign(storage, replace(request, key=quote(request.key)))


@plant("P5")
class PrefixTwice(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        folder = request.key.partition("/")[0]
        key = f"{folder}/{request.key}"
        return super().presign(storage, replace(request, key=key))


@plant("P6")
class AsksBeforeSigning(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        with suppress(Unavailable):
            self.list_objects(storage, ListQuery(limit=1))
        return super().presign(storage, request)


@plant("P7")
class LongLifeAsCrash(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        if request.ttl > timedelta(days=7):
            raise ValueError("at most seven days")
        return super().presign(storage, request)


@plant("P8")
class SignsThoughItCannot(MemoryProvider):
    @hookimpl
    def presign(self, storage, request):
        return SignedUrl("https://example.org", datetime.now(UTC))


@plant("P9")
class DispositionForgotten(ShelfProvider):
    @hookimpl
    def presign(self, storage, request):
        return super().presign(storage, replace(request, disposition=None))


# Checking


@plant("V1")
class NeverContent(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        problem = Problem("bucket", "it could be larger", "enlarge it")
        return ValidationReport(Availability.AVAILABLE, (problem,))


@plant("V2")
class RaisesInsteadOfAnswering(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        self._find_bucket(storage)
        return super().validate(storage, request)


class Forbidden(ShelfProvider):
    """Says of what is forbidden that it is not found."""

    @hookimpl
    def validate(self, storage, request):
        report = super().validate(storage, request)
        if report.status is Availability.FORBIDDEN:
            return replace(report, status=Availability.NOT_FOUND)
        return report


@plant("V3")
class UnknownTokenIsNotFound(Forbidden):
    pass


@plant("V13")
class ForbiddenIsNotFound(Forbidden):
    pass


@plant("V4")
class NeverProbes(ShelfProvider):
    @hookimpl
    def validate(self, storage, request):
        return super().validate(storage, replace(request, probe_write=False))


@plant("V6")
class AlwaysProbes(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        request = WriteRequest(".check", BytesContent(b""), "text/plain")
        self.save_annotation(storage, request)
        return GOOD


@plant("V6")
class AlwaysProbesAndTidiesUp(ShelfProvider):
    @hookimpl
    def validate(self, storage, request):
        self._probe(storage, request.prefix + ".probe")
        return super().validate(storage, request)


@plant("V7")
class FieldThatIsNone(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        report = super().validate(storage, request)
        problems = tuple(p._replace(field="bucket_name") for p in report.problems)
        return replace(report, problems=problems)


@plant("V8")
class SecretInReport(ShelfProvider):
    @hookimpl
    def validate(self, storage, request):
        report = super().validate(storage, request)
        token = storage.options.token.get_secret_value()
        said = tuple(p._replace(message=f"not {token}") for p in report.problems)
        return replace(report, problems=said)


@plant("V9")
class EmptyImportIsFine(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        self._find_bucket(storage)
        return GOOD


@plant("V10")
class ExportNeedsObjects(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        if storage.purpose is Purpose.EXPORT:
            storage = replace(storage, purpose=Purpose.IMPORT)
        return super().validate(storage, request)


@plant("V11")
class ProbeLeftBehind(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        if request.probe_write:
            key = f"{request.prefix}.probe"
            content = BytesContent(b"")
            self.save_annotation(storage, WriteRequest(key, content, "text/plain"))
        return super().validate(storage, replace(request, probe_write=False))


@plant("V14")
class OriginUnknown(MemoryProvider):
    @hookimpl
    def validate(self, storage, request):
        if request.origin:
            raise NotImplementedError
        return super().validate(storage, request)


@plant("V5")
class UnreachableRaised(ShelfProvider):
    @hookimpl
    def validate(self, storage, request):
        self.list_objects(storage, ListQuery(limit=1))
        return super().validate(storage, request)


@plant("V12")
class SilentIsNotFound(ShelfProvider):
    @hookimpl
    def validate(self, storage, request):
        report = super().validate(storage, request)
        if report.status is Availability.UNREACHABLE:
            return replace(report, status=Availability.NOT_FOUND)
        return report


# Errors


class Translated(ShelfProvider):
    """Raises another error than it should when listing, reading, saving, deleting."""

    def translate(self, error):
        raise error

    @hookimpl
    def list_objects(self, storage, query):
        return self.attempt(super().list_objects, storage, query)

    @hookimpl
    def get_data(self, storage, request):
        return self.attempt(super().get_data, storage, request)

    @hookimpl
    def save_annotation(self, storage, request):
        return self.attempt(super().save_annotation, storage, request)

    @hookimpl
    def delete_annotation(self, storage, request):
        return self.attempt(super().delete_annotation, storage, request)

    def attempt(self, operation, storage, request):
        try:
            return operation(storage, request)
        except StorageError as error:
            self.token = storage.options.token.get_secret_value()
            return self.translate(error)


@plant("E2")
class DelayForgotten(Translated):
    def translate(self, error):
        error.retry_after = None
        raise error


@plant("E2")
class ThrottledAsUnavailable(Translated):
    def translate(self, error):
        if isinstance(error, RateLimited):
            raise Unavailable("try later") from error
        raise error


@plant("E3")
class CauseDropped(Translated):
    def translate(self, error):
        raise type(error)(str(error)) from None


class PickyError(ObjectNotFound):
    """Cannot be made from its message alone."""

    def __init__(self, key, bucket):
        super().__init__(f"{key} is not in {bucket}", key=key)


@plant("E4")
class ErrorThatCannotTravel(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        try:
            return super().get_data(storage, request)
        except ObjectNotFound:
            raise PickyError(request.key, "bucket") from None


@plant("E5")
class CrashOnSurrogates(MemoryProvider):
    @hookimpl
    def delete_annotation(self, storage, request):
        request.key.encode()
        return super().delete_annotation(storage, request)


@plant("E10")
class KeyNotSaid(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        try:
            return super().get_data(storage, request)
        except ObjectNotFound as error:
            error.key = None
            raise


@plant("E11")
class NoRemedy(Translated):
    def translate(self, error):
        error.remedy = None
        raise error


@plant("E12")
class RefusalEscapes(Translated):
    def translate(self, error):
        raise ConnectionRefusedError("the SDK's own") from error


@plant("E13")
class SilenceAsUnavailable(Translated):
    def translate(self, error):
        if isinstance(error, OperationTimeout):
            raise Unavailable("nobody is there") from error
        raise error


@plant("E13", patience=0.3)
class WaitsTooLong(ShelfProvider):
    pass


@plant("E14")
class StormIsFinal(Translated):
    def translate(self, error):
        if isinstance(error, TransientStorageError):
            raise StorageError("503") from error
        raise error


@plant("E15")
class ResetIsDenied(Translated):
    def translate(self, error):
        raise AccessDenied("no") from error


@plant("E16")
class BrokenForEver(Translated):
    broken = False

    def attempt(self, operation, storage, request):
        if self.broken:
            raise Unavailable("still")
        return super().attempt(operation, storage, request)

    def translate(self, error):
        self.broken = True
        raise error


@plant("E19")
class ResumedElsewhere(ShelfProvider):
    """Reads a body again after a cut, from the wrong place."""

    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        again = super().get_data

        class Resuming:
            def __init__(self):
                self.inner, self.left = body.reader, body.info.size

            def read(self, size):
                try:
                    block = self.inner.read(min(size, self.left))
                except StorageError:
                    self.inner.close()
                    self.inner = again(storage, request).reader
                    block = self.inner.read(min(size, self.left))
                self.left -= len(block)
                return block

            def close(self):
                self.inner.close()

        return body if request.metadata_only else replace(body, reader=Resuming())


@plant("E17")
class CutIsTheEnd(ShelfProvider):
    """Fills up what is missing after a cut."""

    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        inner = body.reader

        class Padding:
            left = body.info.size
            close = inner.close

            def read(self, size):
                try:
                    block = inner.read(size)
                except StorageError:
                    block = bytes(min(size, self.left))
                self.left -= len(block)
                return block

        return body if request.metadata_only else replace(body, reader=Padding())


@plant("E18")
class StallAsCrash(ShelfProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        inner = body.reader

        class Naked:
            close = inner.close

            def read(self, size):
                try:
                    return inner.read(size)
                except StorageError as error:
                    raise TimeoutError("the SDK's own") from error

        return replace(body, reader=Naked())


@plant("E20")
class Impatient(Translated):
    @hookimpl
    def get_data(self, storage, request):
        hasty = storage.options.model_copy(update={"timeout": 0.1})
        return super().get_data(replace(storage, options=hasty), request)


@plant("E21")
class ConnectionsKept(ShelfProvider):
    def __init__(self):
        self.kept = []

    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        self.kept.append(body.reader._connection.sock)
        body.reader.close = lambda: None
        return body


class UnmarkedOptions(ShelfOptions):
    """Nobody is told that requests go to the URL."""

    def list_endpoints(self):
        return ()


@plant("E24")
class HidesItsAddress(ShelfProvider):
    @hookimpl
    def describe(self):
        return replace(
            super().describe(),
            import_options=UnmarkedOptions,
            export_options=UnmarkedOptions,
        )


@plant("E25")
class LooksAtNoPeer(ShelfProvider):
    @hookimpl
    def save_annotation(self, storage, request):
        return super().save_annotation(replace(storage, check_peer=None), request)


@plant("L21")
class SecretInError(Translated):
    def translate(self, error):
        if isinstance(error, Unauthenticated):
            error.context["token"] = self.token
        raise error


# Lives


@plant("E8")
class ConnectsWhenDescribed(MemoryProvider):
    @hookimpl
    def describe(self):
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 9))
        return super().describe()


@plant("E9")
class ImportsAnSdk(MemoryProvider):
    sdk = sortedcontainers


@plant("E22")
class NeverTheSame(MemoryProvider):
    numbers = itertools.count()

    @hookimpl
    def describe(self):
        return replace(super().describe(), title=f"Memory {next(self.numbers)}")


class ForeignOptions(MemoryOptions):
    """Their URIs have a scheme that is not the provider's."""

    def base_uri(self):
        return f"s3://{self.bucket}/"


@plant("E23")
class ForeignScheme(MemoryProvider):
    @hookimpl
    def describe(self):
        return replace(
            super().describe(),
            import_options=ForeignOptions,
            export_options=ForeignOptions,
        )

    def _find_bucket(self, storage):
        return self._buckets[storage.options.bucket]


@plant("E7")
class NotAfterFork(MemoryProvider):
    """Knows the process that it was made in."""

    home = None

    @hookimpl
    def list_objects(self, storage, query):
        self.home = self.home or os.getpid()
        if os.getpid() != self.home:
            raise ContainerNotFound("in another process")
        return super().list_objects(storage, query)


@plant("R1")
class BodyThatEndsEarly(MemoryProvider):
    @hookimpl
    def get_data(self, storage, request):
        body = super().get_data(storage, request)
        return spoil(body, lambda block: block[:-1])
