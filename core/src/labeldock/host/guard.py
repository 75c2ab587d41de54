"""What may come out of a provider: the right type, or an error of the contract.

This is code around the call, not a hook wrapper, so that it is always outermost and
also covers faults of third-party wrappers.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

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


@contextmanager
def translate_errors(call: Call) -> Iterator[None]:
    """Let only errors of the contract out, each saying where it happened.

    A foreign exception's message may hold a credential or a signed URL, so only its
    type is named; the exception itself is chained. Exceptions that are meant for the
    process (KeyboardInterrupt, a worker's time limit) pass.
    """
    try:
        yield
    except StorageError as error:
        error.locate(
            provider=call.provider,
            operation=call.operation,
            storage_id=call.storage_id,
        )
        raise
    except (PluginError, ConfigurationError):
        raise
    except LabeldockError as error:
        kind = type(error).__name__
        raise call.violation(f"raised {kind}, which is no StorageError") from error
    except Exception as error:
        raise ProviderCrash(
            f"{call} crashed with {type(error).__name__}",
            provider=call.provider,
            operation=call.operation,
            storage_id=call.storage_id,
        ) from error


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
