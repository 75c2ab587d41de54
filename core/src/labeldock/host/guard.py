"""What may come out of a provider: the right type, or an error of the contract.

This is code around the call, not a hook wrapper, so that it is always outermost and
also covers faults of third-party wrappers.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeVar

from labeldock.contract import (
    ConfigurationError,
    ContractViolation,
    LabeldockError,
    PluginError,
    ProviderCrash,
    StorageError,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """Which operation of which provider on which storage."""

    provider: str
    operation: str
    storage_id: int | None

    def __str__(self) -> str:
        storage = "" if self.storage_id is None else f" on storage {self.storage_id}"
        return f"{self.operation} of provider {self.provider!r}{storage}"

    def violation(self, what: str) -> ContractViolation:
        return ContractViolation(
            f"{self} {what}",
            provider=self.provider,
            operation=self.operation,
            storage_id=self.storage_id,
        )


class CallMeter(Protocol):
    """Told of each call.

    Attributes:
        spans: gives what stands around each call, if anything does.
    """

    @property
    def spans(self) -> Callable[[Call], AbstractContextManager[object]] | None: ...

    def __call__(self, call: Call, outcome: str, seconds: float) -> None:
        """Note a call that has ended, with `ok` or the code of its error."""


def translate_errors(
    call: Call, meter: CallMeter | None = None
) -> AbstractContextManager[None]:
    """Let only errors of the contract out, each saying where it happened.

    A foreign exception's message may hold a credential or a signed URL, so only its
    type is named; the exception itself is chained. Exceptions that are meant for the
    process (KeyboardInterrupt, a worker's time limit) pass.
    """
    if meter is None:
        return _Translation(call)
    return _Measured(call, meter) if meter.spans is None else _Traced(call, meter)


class _Translation(AbstractContextManager[None]):
    """Stands around every block that is read, so nothing is done where all is well."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if not isinstance(error, Exception):
            return
        translated = _translate(self._call, error)
        if translated is not None:
            raise translated from error


class _Measured(_Translation):
    """The same around a whole call, which somebody counts."""

    __slots__ = ("_began", "_meter")

    def __init__(self, call: Call, meter: CallMeter) -> None:
        super().__init__(call)
        self._meter = meter

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except LabeldockError as translated:
            self._tell(translated.code)
            raise
        self._tell("ok" if error is None else getattr(error, "code", "interrupted"))

    def _tell(self, outcome: str) -> None:
        self._meter(self._call, outcome, time.perf_counter() - self._began)


class _Traced(_Measured):
    """The same, with a span around it."""

    __slots__ = ("_span",)

    def __init__(self, call: Call, meter: CallMeter) -> None:
        super().__init__(call, meter)
        self._span = meter.spans(call) if meter.spans else nullcontext()

    def __enter__(self) -> None:
        self._span.__enter__()
        super().__enter__()

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except LabeldockError as translated:
            self._end(translated)
            raise
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if error is None:
            self._span.__exit__(None, None, None)
        else:
            self._span.__exit__(type(error), error, error.__traceback__)


def _translate(call: Call, error: Exception) -> LabeldockError | None:
    """What is to be raised in its place; None if it may pass."""
    if isinstance(error, StorageError):
        error.locate(
            provider=call.provider,
            operation=call.operation,
            storage_id=call.storage_id,
        )
        return None
    if isinstance(error, PluginError | ConfigurationError):
        return None
    kind = type(error).__name__
    if isinstance(error, LabeldockError):
        return call.violation(f"raised {kind}, which is no StorageError")
    return ProviderCrash(
        f"{call} crashed with {kind}",
        provider=call.provider,
        operation=call.operation,
        storage_id=call.storage_id,
    )


def expect(call: Call, value: object, kind: type[T]) -> T:
    """The value, if it is of the type that the contract says.

    Raises:
        ContractViolation: it is something else, e.g. None or a coroutine.
    """
    if isinstance(value, kind):
        return value
    if inspect.iscoroutine(value) or inspect.isgenerator(value):
        value.close()  # a coroutine that is never awaited warns when it is collected
    found = "None" if value is None else type(value).__name__
    raise call.violation(f"returned {found}, not {kind.__name__}")
