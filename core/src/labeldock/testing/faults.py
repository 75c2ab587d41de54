"""A wrapper plug-in that makes a good provider fail on purpose, and keeps count.

    with Faults() as faults:
        catalog = build_catalog(MemoryProvider(), plugins={"faults": faults})
        faults.add("get_data", Raise(lambda: Unavailable("the server is away")))
        ...  # at the end every fault must have fired

In a test, the fixture `labeldock_faults` gives one that is checked at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeVar, cast

from labeldock.contract import (
    OPERATIONS,
    DeleteRequest,
    Deletion,
    ListQuery,
    ObjectBody,
    ObjectPage,
    PresignRequest,
    Reader,
    ReadRequest,
    SavedObject,
    SignedUrl,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
    hookimpl,
)

ALWAYS: Final = 1_000_000
"""As `times`: on every call."""

ResultT = TypeVar("ResultT")
Step = Generator[None, ResultT, ResultT]


@dataclass(frozen=True)
class Raise:
    """Raise an error: of the contract, or a foreign one as an SDK would.

    Attributes:
        build: makes the error anew each time.
        is_late: do the operation first; only its answer is lost.
    """

    build: Callable[[], BaseException]
    is_late: bool = False


@dataclass(frozen=True)
class ReturnNone:
    """Do the operation and return None, as a function without a `return` does."""


@dataclass(frozen=True)
class ShortBody:
    """Let a body end after so many bytes, as if that were all."""

    after: int


@dataclass(frozen=True)
class BreakBody:
    """Let a body raise an error after so many bytes."""

    after: int
    build: Callable[[], BaseException]


@dataclass(frozen=True)
class StallOperation:
    """Keep the call waiting until the faults are released, then do it."""


@dataclass(frozen=True)
class StallBody:
    """Keep the reader waiting after so many bytes, until the faults are released."""

    after: int


Fault = Raise | ReturnNone | ShortBody | BreakBody | StallOperation | StallBody


@dataclass
class PlannedFault:
    """A fault, and the calls that it is for.

    Attributes:
        operation: of the contract.
        fault: what happens.
        times: how often it fires at most.
        key: only calls about this key; None for any.
        fired: how often it has.
    """

    operation: str
    fault: Fault
    times: int = 1
    key: str | None = None
    fired: int = 0

    def fits(self, operation: str, key: str | None) -> bool:
        """Whether it is to fire on this call."""
        return (
            self.operation == operation
            and self.fired < self.times
            and self.key in {None, key}
        )


class Faults:
    """The plug-in. As a context it checks at its end that every fault has fired.

    Attributes:
        calls: how often each operation was called.
    """

    def __init__(self) -> None:
        self.calls = dict.fromkeys(OPERATIONS, 0)
        self._planned: list[PlannedFault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()

    def add(
        self, operation: str, fault: Fault, *, times: int = 1, key: str | None = None
    ) -> PlannedFault:
        """Plan a fault; of those that fit a call, the one added first fires."""
        assert operation in OPERATIONS, operation
        planned = PlannedFault(operation, fault, times, key)
        with self._lock:
            self._planned.append(planned)
        return planned

    def release(self) -> None:
        """Let go on what stalls, now and from now on."""
        self._released.set()

    def check(self) -> None:
        """Fail if a fault was planned and never happened: the test proved nothing.

        Raises:
            AssertionError: with the faults.
        """
        unused = [f"{p.fault} in {p.operation}" for p in self._planned if not p.fired]
        assert not unused, f"faults that never fired: {'; '.join(unused)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.release()
        if kind is None:
            self.check()

    @hookimpl(wrapper=True)
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> Step[ValidationReport]:
        """Around the operation of this name."""
        del storage, request
        return (yield from self._disturb("validate", None))

    @hookimpl(wrapper=True)
    def list_objects(self, storage: StorageRef, query: ListQuery) -> Step[ObjectPage]:
        """Around the operation of this name; the key is the prefix."""
        del storage
        return (yield from self._disturb("list_objects", query.prefix))

    @hookimpl(wrapper=True)
    def get_data(self, storage: StorageRef, request: ReadRequest) -> Step[ObjectBody]:
        """Around the operation of this name."""
        del storage
        return (yield from self._disturb("get_data", request.key))

    @hookimpl(wrapper=True)
    def presign(self, storage: StorageRef, request: PresignRequest) -> Step[SignedUrl]:
        """Around the operation of this name."""
        del storage
        return (yield from self._disturb("presign", request.key))

    @hookimpl(wrapper=True)
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> Step[SavedObject]:
        """Around the operation of this name."""
        del storage
        return (yield from self._disturb("save_annotation", request.key))

    @hookimpl(wrapper=True)
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Step[Deletion]:
        """Around the operation of this name."""
        del storage
        return (yield from self._disturb("delete_annotation", request.key))

    def _disturb(self, operation: str, key: str | None) -> Step[ResultT]:
        fault = self._choose(operation, key)
        match fault:
            case Raise(build, is_late=False):
                raise build()
            case StallOperation():
                self._released.wait()
        result: ResultT = yield
        return self._spoil(fault, result)

    def _choose(self, operation: str, key: str | None) -> Fault | None:
        with self._lock:
            self.calls[operation] += 1
            for planned in self._planned:
                if planned.fits(operation, key):
                    planned.fired += 1
                    return planned.fault
        return None

    def _spoil(self, fault: Fault | None, result: ResultT) -> ResultT:
        match fault:
            case Raise(build):
                raise build()
            case ReturnNone():
                return cast("ResultT", None)
            case ShortBody() | BreakBody() | StallBody():
                body: Any = result  # these are for get_data, whose result it is
                reader = FaultyReader(body.reader, fault, self._released)
                return cast("ResultT", replace(body, reader=reader))
        return result


class FaultyReader:
    """A reader that goes wrong after some bytes."""

    def __init__(
        self,
        reader: Reader,
        fault: ShortBody | BreakBody | StallBody,
        released: threading.Event,
    ) -> None:
        self._reader = reader
        self._fault = fault
        self._left = fault.after
        self._released = released

    def read(self, size: int, /) -> bytes:
        """The provider's bytes up to the point, and then the fault."""
        if self._left <= 0:
            match self._fault:
                case ShortBody():
                    return b""
                case BreakBody(_, build):
                    raise build()
            self._released.wait()
            return self._reader.read(size)
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._reader.read(wanted)
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Close the provider's reader; a stalled read goes on to its end."""
        self._released.set()
        self._reader.close()
