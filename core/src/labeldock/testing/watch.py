"""A wrapper plug-in that looks at everything a provider raises and reports.

It stands inside the guard, so it sees exceptions as the provider raised them.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from labeldock.contract import (
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
    StorageError,
    StorageRef,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
    hookimpl,
    secret_fields,
)

SHORTEST_SECRET = 6
"""A shorter text could stand in any sentence by chance."""

ResultT = TypeVar("ResultT")
Step = Generator[None, ResultT, ResultT]


@dataclass
class Watch:
    """What was seen since the last `begin`.

    Attributes:
        secrets: texts that must not occur; those in the settings of every storage that
            an operation is called with are added.
        errors: what was raised, in order.
        breaches: what the contract forbids, one sentence each.
    """

    secrets: set[str] = field(default_factory=set)
    errors: list[BaseException] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    __hash__ = object.__hash__  # pluggy keeps plug-ins in a set

    def begin(self, secrets: Collection[str]) -> None:
        """Forget what was seen."""
        self.secrets = set(secrets)
        self.errors = []
        self.breaches = []

    def check(self) -> None:
        """Fail if the contract was broken anywhere, noticed by the scenario or not.

        Raises:
            AssertionError: with every breach.
        """
        assert not self.breaches, "; ".join(self.breaches)

    def scan(self, what: str, text: str) -> None:
        """Note it if a text holds a secret, without repeating the secret."""
        if any(secret in text for secret in self.secrets):
            self.breaches.append(f"{what} holds a secret")

    def note_error(self, operation: str, error: BaseException) -> None:
        """Look at what an operation, or the reader of a body, raised."""
        if not isinstance(error, Exception):
            return  # meant for the process, e.g. a time limit
        kind = type(error).__name__
        self.errors.append(error)
        if not isinstance(error, StorageError):
            self.breaches.append(f"{operation} raised {kind}, which is no StorageError")
            return
        text = f"{error} {error!r} {vars(error)!r}"
        self.scan(f"the {kind} raised by {operation}", text)

    @hookimpl(wrapper=True)
    def validate(
        self, storage: StorageRef, request: ValidateRequest
    ) -> Step[ValidationReport]:
        """Look at the report too: it is shown to people."""
        del request
        report: ValidationReport = yield from self._watch("validate", storage)
        self.scan("the report of validate", repr(report))
        return report

    @hookimpl(wrapper=True)
    def list_objects(self, storage: StorageRef, query: ListQuery) -> Step[ObjectPage]:
        """Look at the cursor too: it is kept in a database."""
        del query
        page: ObjectPage = yield from self._watch("list_objects", storage)
        self.scan("the cursor of a page", str(getattr(page, "cursor", "")))
        return page

    @hookimpl(wrapper=True)
    def get_data(self, storage: StorageRef, request: ReadRequest) -> Step[ObjectBody]:
        """Look at the reader's errors too."""
        del request
        body: ObjectBody = yield from self._watch("get_data", storage)
        if not isinstance(body, ObjectBody):
            return body  # the guard says what is wrong with it
        return replace(body, reader=WatchedReader(self, body.reader))

    @hookimpl(wrapper=True)
    def presign(self, storage: StorageRef, request: PresignRequest) -> Step[SignedUrl]:
        """Look at errors, and at how the result shows itself."""
        del request
        signed: SignedUrl = yield from self._watch("presign", storage)
        self.scan("the repr of a signed URL", repr(signed))
        return signed

    @hookimpl(wrapper=True)
    def save_annotation(
        self, storage: StorageRef, request: WriteRequest
    ) -> Step[SavedObject]:
        """Look at errors."""
        del request
        return (yield from self._watch("save_annotation", storage))

    @hookimpl(wrapper=True)
    def delete_annotation(
        self, storage: StorageRef, request: DeleteRequest
    ) -> Step[Deletion]:
        """Look at errors."""
        del request
        return (yield from self._watch("delete_annotation", storage))

    def _watch(self, operation: str, storage: StorageRef) -> Step[ResultT]:
        self.secrets |= list_secrets(storage)
        try:
            return (yield)
        except BaseException as error:
            self.note_error(operation, error)
            raise


class WatchedReader:
    """A reader whose errors are looked at."""

    def __init__(self, watch: Watch, reader: Reader) -> None:
        self._watch = watch
        self._reader = reader
        self._is_closed = False

    def read(self, size: int, /) -> bytes:
        """What the provider's reader reads."""
        try:
            return self._reader.read(size)
        except BaseException as error:
            if not self._is_closed:  # what a closed one raises is up to it
                self._watch.note_error("a reader", error)
            raise

    def close(self) -> None:
        """Close the provider's reader."""
        self._is_closed = True
        self._reader.close()


def list_secrets(storage: StorageRef) -> set[str]:
    """The values of the secret settings of a storage and of its operator."""
    return {
        secret
        for model in (storage.options, storage.operator)
        for name in secret_fields(type(model))
        if (secret := _reveal(getattr(model, name))) and len(secret) >= SHORTEST_SECRET
    }


def _reveal(value: Any) -> str:  # a SecretStr, or None
    return "" if value is None else str(value.get_secret_value())
