"""The values that cross the boundary between the host and a provider.

All are immutable. Keys are whole object keys as text, times are aware and in UTC,
sizes are bytes. What a provider returns has to be finished: no generators, no
coroutines, no SDK objects.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol, TypeVar

from labeldock.contract.errors import ContractViolation

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from labeldock.contract.options import OperatorOptions, StorageOptions
    from labeldock.contract.peers import CheckPeer

MAX_KEY_BYTES: Final = 1024
"""The longest key, in UTF-8 bytes, that every cloud provider takes."""

OptionsT = TypeVar("OptionsT", bound="StorageOptions")
OperatorT = TypeVar("OperatorT", bound="OperatorOptions")


class Purpose(StrEnum):
    """What a storage is connected for."""

    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class StorageRef:
    """One connected storage, as every operation receives it first.

    Attributes:
        id: the storage's number, None while it is not saved yet.
        provider: the provider's name.
        purpose: import or export.
        options: validated settings of this storage, secrets included.
        operator: the operator's settings for the provider as a whole.
        fingerprint: changes whenever options or operator settings do, and tells
            nothing about them (an HMAC); the key under which a provider may cache a
            client.
        check_peer: to be asked, with host and address, about each connection that was
            made to an endpoint of the options; see `guard_pools`. None: there is no
            need.
    """

    id: int | None
    provider: str
    purpose: Purpose
    options: StorageOptions
    operator: OperatorOptions
    fingerprint: str
    check_peer: CheckPeer | None = field(default=None, compare=False, repr=False)

    def options_as(self, model: type[OptionsT]) -> OptionsT:
        """The options, checked to be of the provider's own model.

        Raises:
            ContractViolation: they are of another model.
        """
        return _expect(self.options, model)

    def operator_as(self, model: type[OperatorT]) -> OperatorT:
        """The operator's settings, checked to be of the provider's own model.

        Raises:
            ContractViolation: they are of another model.
        """
        return _expect(self.operator, model)


ModelT = TypeVar("ModelT")


def _expect(value: object, model: type[ModelT]) -> ModelT:
    if not isinstance(value, model):
        found = type(value).__name__
        raise ContractViolation(f"expected {model.__name__}, the storage has {found}")
    return value


# Listing


class ObjectInfo(NamedTuple):
    """One object of a listing. A tuple, since a page holds thousands of them.

    Attributes:
        key: the whole key.
        size: bytes.
        etag: changes whenever the content does; without quotes.
        last_modified: aware, UTC; None if the storage does not say.
        content_type: None if the listing does not say.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime | None = None
    content_type: str | None = None


class UnreadableObject(NamedTuple):
    """An entry that cannot be an object: its name is not UTF-8, or holds U+0000.

    Attributes:
        name: the name with the offending bytes escaped as `%NN`.
        reason: one sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which keys to list.

    Attributes:
        prefix: only keys that start with this raw string; "" for all.
        delimiter: with "/", keys that hold it after the prefix are folded into common
            prefixes; None lists every level.
        after_key: exclusive lower bound, or None.
        upto_key: inclusive upper bound, or None.
        cursor: where an earlier page ended, or None. It counts for more than
            `after_key`; the other fields are those of the earlier call.
        limit: at most this many objects and prefixes together, at least 1.
    """

    prefix: str = ""
    delimiter: str | None = None
    after_key: str | None = None
    upto_key: str | None = None
    cursor: str | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One page of a listing.

    Attributes:
        objects: in UTF-8 byte order of the key, strictly ascending, if the provider's
            capabilities say `ordered`.
        prefixes: common prefixes, each ending in the delimiter, in the same order.
        unreadable: entries that were met and cannot be objects.
        cursor: None on the last page, else what to pass in for the next one. A page
            may be empty and still have a cursor.
    """

    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...] = ()
    unreadable: tuple[UnreadableObject, ...] = ()
    cursor: str | None = None


# Reading


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A byte range as in RFC 9110, 14.1.1.

    `first` and `last` are inclusive offsets. `last` None means up to the end. With
    `first` None it is a suffix range: the final `last` bytes.
    """

    first: int | None
    last: int | None = None

    def resolve(self, size: int) -> ContentRange | None:
        """The part of an object of `size` bytes that it selects.

        Returns:
            None if it selects no byte, which an HTTP server answers with 416.
        """
        if self.first is None:
            start, stop = max(0, size - (self.last or 0)), size - 1
        else:
            start = self.first
            stop = size - 1 if self.last is None else min(self.last, size - 1)
        if start > stop:
            return None
        return ContentRange(start, stop, size)


class ContentRange(NamedTuple):
    """Which bytes a body holds: inclusive offsets and the size of the whole object."""

    first: int
    last: int
    total: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read.

    Attributes:
        key: the whole key.
        byte_range: None for the whole object.
        metadata_only: ask for the object's info alone, with one metadata request.
        if_match: fail with PreconditionFailed unless the object has this ETag.
    """

    key: str
    byte_range: ByteRange | None = None
    metadata_only: bool = False
    if_match: str | None = None


class Reader(Protocol):
    """A blocking byte stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end of the body and only there."""

    def close(self) -> None:
        """Release the connection.

        May be called twice, and from another thread while `read` is blocked; that
        read then fails or ends.
        """


@dataclass(frozen=True, slots=True)
class ObjectBody:
    """An object's info and, unless `metadata_only` was asked, its bytes.

    Attributes:
        info: size and ETag are those of the whole object.
        content_range: which bytes the reader yields; None for the whole object.
        reader: the bytes; empty with `metadata_only`. Whoever receives it closes it.
    """

    info: ObjectInfo
    content_range: ContentRange | None
    reader: Reader


# Signing


class Signing(StrEnum):
    """How a browser gets at an object without credentials.

    LOCAL: `presign` computes a URL without network.
    REMOTE: `presign` asks the storage for one.
    HOST: `presign` is not supported; the host signs and serves URLs of its own.
    NONE: media can only be streamed through the application.
    """

    LOCAL = "local"
    REMOTE = "remote"
    HOST = "host"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PresignRequest:
    """A URL that reads one object for some time.

    Attributes:
        key: the whole key.
        ttl: how long it has to be valid, counted from now.
        content_type: what the storage has to answer as Content-Type, or None.
        disposition: what it has to answer as Content-Disposition, or None.
    """

    key: str
    ttl: timedelta
    content_type: str | None = None
    disposition: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SignedUrl:
    """A signed URL. Its repr does not show it, since it must not get into a log."""

    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedUrl(<hidden>, expires_at={self.expires_at.isoformat()})"


# Writing


class ContentSource(Protocol):
    """Bytes of known size that can be opened again for another attempt."""

    @property
    def size(self) -> int:
        """How many bytes one reading gives."""

    def open(self) -> BinaryIO:
        """A new stream from the first byte; the caller closes it."""


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Content that is in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """A stream over the bytes."""
        return io.BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class FileContent:
    """Content of a file on this machine, e.g. an archive of 10 GB."""

    path: Path

    @property
    def size(self) -> int:
        """The size of the file now."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """The file, opened for reading."""
        return self.path.open("rb")


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a write or a deletion to happen.

    Use `ALWAYS`, `ABSENT` or `matches(etag)`.
    """

    absent: bool = False
    etag: str | None = None


ALWAYS: Final = Condition()
"""No condition."""

ABSENT: Final = Condition(absent=True)
"""Only if there is no object under the key."""


def matches(etag: str) -> Condition:
    """Only if the object under the key has this ETag."""
    return Condition(etag=etag)


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """One object to write.

    Attributes:
        key: the whole key.
        content: the bytes; providers go multipart or resumable above 8 MiB.
        content_type: e.g. "application/json".
        condition: `ALWAYS`, `ABSENT` or `matches(etag)`.
    """

    key: str
    content: ContentSource
    content_type: str
    condition: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class SavedObject:
    """What is in the storage now. `version` where the storage keeps versions."""

    etag: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """One object to delete; `condition` is `ALWAYS` or `matches(etag)`."""

    key: str
    condition: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Deletion:
    """Whether there was an object. Deleting a missing one is not an error."""

    existed: bool


# Validation


class Availability(StrEnum):
    """What a check of the connection came to."""

    AVAILABLE = "available"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"


class Problem(NamedTuple):
    """One finding about some input.

    Attributes:
        field: name of the field it is about, or None if about all of them.
        message: what is wrong.
        remedy: what to do.
        code: stable word for programs.
    """

    field: str | None
    message: str
    remedy: str | None = None
    code: str = "invalid"


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """How far to check a storage.

    Attributes:
        prefix: for an import, an object has to be found below it.
        probe_write: for an export, write a small object and remove it again.
        origin: a browser's origin, e.g. "https://labels.example.org": also check that
            presigned media could be read by pages from there (CORS). None: do not.
    """

    prefix: str = ""
    probe_write: bool = False
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The outcome of a check; with status AVAILABLE and no problems all is well."""

    status: Availability
    problems: tuple[Problem, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the storage can be used as it is."""
        return self.status is Availability.AVAILABLE and not self.problems
