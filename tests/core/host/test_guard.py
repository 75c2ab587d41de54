"""Whatever a provider does, what comes out is of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labeldock.contract import (
    OPERATIONS,
    BytesContent,
    ConfigurationError,
    ContractViolation,
    DeleteRequest,
    InvalidInput,
    ListQuery,
    ObjectNotFound,
    PresignRequest,
    ProviderCrash,
    ReadRequest,
    SignedUrl,
    StorageError,
    ValidateRequest,
    WriteRequest,
    hookimpl,
)
from labeldock.testing.memory import MemoryProvider

SECRET = "AKIA-planted-secret"

REQUESTS = {
    "validate": ValidateRequest(),
    "list_objects": ListQuery(),
    "get_data": ReadRequest("a"),
    "presign": PresignRequest("a", timedelta(minutes=1)),
    "save_annotation": WriteRequest("a", BytesContent(b"x"), "text/plain"),
    "delete_annotation": DeleteRequest("a"),
}


class Answering(MemoryProvider):
    """Gives (or raises) the same from every operation."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    def give(self):
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer() if callable(self._answer) else self._answer

    @hookimpl
    def validate(self):
        return self.give()

    @hookimpl
    def list_objects(self):
        return self.give()

    @hookimpl
    def get_data(self):
        return self.give()

    @hookimpl
    def presign(self):
        return self.give()

    @hookimpl
    def save_annotation(self):
        return self.give()

    @hookimpl
    def delete_annotation(self):
        return self.give()


@pytest.fixture
def ask(connect):
    def ask(answer, operation="list_objects"):
        bound, ref = connect(Answering(answer))
        return getattr(bound, operation)(ref, REQUESTS[operation])

    return ask


def test_every_operation_is_asked_here():
    assert set(REQUESTS) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_none_is_never_an_answer(ask, operation):
    with pytest.raises(ContractViolation, match=f"{operation} of .* returned None"):
        ask(None, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_of_another_type_is_refused(ask, operation):
    with pytest.raises(ContractViolation, match=f"{operation} of .* returned dict"):
        ask({}, operation)


async def answer_later():
    """Never awaited by anybody."""


def answer_slowly():
    yield


@pytest.mark.parametrize(
    ("answer", "kind"), [(answer_later, "coroutine"), (answer_slowly, "generator")]
)
def test_unfinished_answers_are_refused_and_closed(ask, answer, kind):
    with pytest.raises(ContractViolation, match=f"returned {kind}, not ObjectPage"):
        ask(answer)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_foreign_exception_becomes_a_crash_without_its_text(ask, operation):
    cause = RuntimeError(f"https://bucket/?signature={SECRET}")

    with pytest.raises(ProviderCrash, match="crashed with RuntimeError") as caught:
        ask(cause, operation)

    crash = caught.value
    assert crash.__cause__ is cause
    assert SECRET not in str(crash) + repr(crash) + str(crash.context)
    assert crash.context == {
        "provider": "memory",
        "operation": operation,
        "storage_id": 7,
    }


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, MemoryError])
def test_exceptions_with_a_meaning_for_python_crash_too(ask, kind):
    with pytest.raises(ProviderCrash, match=f"crashed with {kind.__name__}"):
        ask(kind(SECRET))


def test_a_storage_error_says_where_it_happened(ask):
    with pytest.raises(ObjectNotFound, match="gone") as caught:
        ask(ObjectNotFound("gone", key="a"), "get_data")

    error = caught.value
    assert (error.provider, error.operation, error.storage_id, error.key) == (
        "memory",
        "get_data",
        7,
        "a",
    )


def test_an_error_of_the_request_is_not_a_providers_to_raise(ask):
    with pytest.raises(ContractViolation, match="raised InvalidInput") as caught:
        ask(InvalidInput(SECRET))

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "error", [ConfigurationError("no roots"), ContractViolation("other options")]
)
def test_errors_about_set_up_pass(ask, error):
    with pytest.raises(type(error), match=str(error)):
        ask(error)


def test_a_workers_interrupt_passes(ask):
    class TimeLimitExceeded(BaseException):
        """As a job queue raises it in the thread of a slow job."""

    with pytest.raises(TimeLimitExceeded, match="too slow"):
        ask(TimeLimitExceeded("too slow"))


def test_an_expiry_needs_a_time_zone(ask):
    naive = datetime.now(UTC).replace(tzinfo=None)

    with pytest.raises(ContractViolation, match="an expiry without a time zone"):
        ask(SignedUrl("https://x", naive), "presign")


def test_a_signed_url_comes_through(ask):
    signed = SignedUrl("https://x", datetime.now(UTC))

    assert ask(signed, "presign") is signed


def test_an_error_keeps_the_place_that_it_has(ask):
    error = StorageError("nested").locate(provider="s3", operation="x", storage_id=1)

    with pytest.raises(StorageError, match="nested") as caught:
        ask(error)

    assert (caught.value.provider, caught.value.storage_id) == ("s3", 1)
