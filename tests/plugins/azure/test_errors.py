"""The tables of errors are complete, and nothing of the SDK's text comes out."""

from __future__ import annotations

import inspect
import pickle
from http import HTTPStatus
from types import SimpleNamespace

import azure.core.exceptions
import azure.identity
import azure.storage.blob
import pytest
import urllib3.exceptions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import StorageErrorCode
from requests.exceptions import SSLError

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    IntegrityError,
    InvalidKey,
    InvalidRange,
    ObjectNotFound,
    OperationTimeout,
    PreconditionFailed,
    RateLimited,
    StorageError,
    TransientStorageError,
    Unauthenticated,
    Unavailable,
)
from labeldock_azure.errors import Tries, translate_errors
from labeldock_azure.meanings import CLASSES, CODES, DIRECTORY_CODES, STATUSES
from labeldock_azure.options import AzureOptions

SECRET = "https://x.blob.core.windows.net/c/b?sig=s3cr3t"

# The bases that say nothing by themselves, and what only a mistake of ours can raise.
IGNORED = {
    "AzureError",
    "HttpResponseError",
    "ODataV4Error",
    "PartialBatchErrorException",  # of batches, which nobody sends
    "ResponseNotReadError",
    "SerializationError",
    "StreamClosedError",
    "StreamConsumedError",
}


def list_exported():
    for module in (azure.core.exceptions, azure.identity, azure.storage.blob):
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, BaseException):
                yield kind


EXPORTED = sorted(
    {kind for kind in list_exported() if not kind.__name__.startswith("_")},
    key=lambda kind: kind.__name__,
)


def build_answer(code="", status=400, kind=HttpResponseError, headers=None):
    """The SDK's exception for an answer of the service."""
    fields = {"x-ms-error-code": code, "x-ms-request-id": "1", **(headers or {})}
    response = SimpleNamespace(
        status_code=status, reason="", headers=fields, request=None
    )
    error = kind(f"text with {SECRET}", response=response)
    error.error_code = code or None
    return error


def translate(error, key="a.txt", tries=None):
    caught = pytest.raises(StorageError, match=r"\.$")
    with caught as found, translate_errors(key, tries):
        raise error
    return found.value


@pytest.mark.parametrize("kind", EXPORTED, ids=lambda kind: kind.__name__)
def test_every_exception_that_the_sdk_exports_is_mapped_or_ignored(kind):
    if kind.__module__ == "builtins" or issubclass(kind, Warning):
        return

    is_known = any(base.__name__ in CLASSES for base in kind.__mro__)
    assert is_known != (kind.__name__ in IGNORED)


def test_nothing_is_ignored_that_the_sdk_does_not_export():
    assert {kind.__name__ for kind in EXPORTED} >= IGNORED


def list_meanings():
    tables = (CODES, STATUSES, DIRECTORY_CODES, CLASSES)
    return [(name, meaning) for table in tables for name, meaning in table.items()]


@pytest.mark.parametrize(("name", "meaning"), list_meanings())
def test_a_meaning_is_complete(name, meaning):
    assert issubclass(meaning.kind, StorageError)
    assert meaning.text.endswith(".")
    assert meaning.field in {*AzureOptions.model_fields, None}
    assert bool(meaning.field) == bool(meaning.remedy)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_becomes_its_error(code):
    error = translate(build_answer(code))

    assert type(error) is CODES[code].kind
    assert error.key == "a.txt"
    assert "s3cr3t" not in f"{error}{error!r}{vars(error)}"
    assert isinstance(error.__cause__, HttpResponseError)


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_an_unknown_code_is_told_by_the_status(status):
    error = translate(build_answer("NeverHeardOf", status))

    assert type(error) is STATUSES[status].kind


@pytest.mark.parametrize("code", list(StorageErrorCode))
def test_every_code_of_the_sdk_becomes_an_error_of_the_contract(code):
    for status in (400, 403, 404, 409, 412, 500, 503):
        assert isinstance(translate(build_answer(code, status)), StorageError)


def test_a_blob_of_another_kind_or_under_a_lease_is_no_failed_condition():
    for code in ("InvalidBlobType", "LeaseIdMissing", "BlobImmutableDueToPolicy"):
        assert not isinstance(translate(build_answer(code, 409)), PreconditionFailed)


def test_an_unknown_answer_is_a_storage_error():
    error = translate(build_answer("NeverHeardOf", 418))

    assert type(error) is StorageError
    assert error.context == {"azure_code": "NeverHeardOf"}


def test_a_code_that_is_no_word_does_not_get_into_the_log():
    assert translate(build_answer("<s3cr3t and more>", 418)).context == {}


def test_what_is_missing_without_a_key_is_the_container():
    error = translate(build_answer("", 404), key=None)

    assert isinstance(error, ContainerNotFound)
    assert error.field == "container"


def test_what_is_missing_with_a_key_is_the_blob():
    assert isinstance(translate(build_answer("BlobNotFound", 404)), ObjectNotFound)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("²", None)]
)
def test_the_delay_that_the_service_names_is_kept(header, seconds):
    error = translate(build_answer("ServerBusy", 503, headers={"Retry-After": header}))

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_the_size_is_taken_from_the_answer_to_a_bad_range():
    headers = {"Content-Range": "bytes */1234"}

    error = translate(build_answer("InvalidRange", 416, headers=headers))

    assert isinstance(error, InvalidRange)
    assert error.size == 1234


@pytest.mark.parametrize("code", ["ConditionNotMet", "BlobAlreadyExists"])
def test_a_condition_that_fails_after_a_second_try_is_not_certain(code):
    tries = Tries()
    tries.count(retry_count=0)

    error = translate(build_answer(code, 412), tries=tries)

    assert isinstance(error, Unavailable)
    assert error.retryable


def test_a_condition_that_fails_at_once_is_certain():
    error = translate(build_answer("ConditionNotMet", 412), tries=Tries())

    assert isinstance(error, PreconditionFailed)


@pytest.mark.parametrize("code", sorted(DIRECTORY_CODES))
def test_the_directory_says_which_field_is_wrong(code):
    error = translate(
        ClientAuthenticationError(f"Authentication failed: AADSTS{code}: {SECRET}")
    )

    assert isinstance(error, Unauthenticated)
    assert error.field == DIRECTORY_CODES[code].field
    assert "s3cr3t" not in str(error)


def test_an_unknown_refusal_of_the_directory_is_about_the_credentials():
    error = translate(ClientAuthenticationError("AADSTS1: something else"))

    assert isinstance(error, Unauthenticated)
    assert error.remedy


def test_a_directory_that_cannot_be_reached_is_an_outage():
    # azure-identity makes one of every error on the way to a token.
    error = ClientAuthenticationError("Authentication failed")
    error.__cause__ = ServiceRequestError("no route")

    with pytest.raises(Unavailable, match="cannot be reached"), translate_errors():
        raise error from error.__cause__


def test_a_refusal_of_the_service_is_not_one_of_the_directory():
    error = translate(build_answer("", 401, kind=ClientAuthenticationError))

    assert error.field == "account_key"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ServiceRequestError("refused"), Unavailable),
        (ServiceResponseError("reset"), Unavailable),
        (azure.core.exceptions.ServiceResponseTimeoutError("late"), OperationTimeout),
        (azure.core.exceptions.IncompleteReadError("short"), IntegrityError),
        (urllib3.exceptions.ReadTimeoutError(None, "", "late"), OperationTimeout),
        (urllib3.exceptions.ProtocolError("x", ConnectionResetError()), Unavailable),
        (
            urllib3.exceptions.ProtocolError(
                "x", urllib3.exceptions.IncompleteRead(3, 7)
            ),
            IntegrityError,
        ),
        (urllib3.exceptions.SSLError("bad record"), Unavailable),
        (azure.core.exceptions.DeserializationError("no XML"), StorageError),
    ],
)
def test_what_is_no_answer_has_a_meaning_too(raised, kind):
    assert type(translate(raised)) is kind


def test_a_certificate_that_is_not_trusted_is_told():
    error = translate(ServiceRequestError("x", error=SSLError("unknown authority")))

    assert isinstance(error, Unavailable)
    assert "trusted TLS" in str(error)
    assert "REQUESTS_CA_BUNDLE" in error.remedy


def test_an_exception_that_is_not_in_the_table_is_named_by_its_class():
    class OwnError(AzureError):
        pass

    error = translate(OwnError(SECRET))

    assert type(error) is StorageError
    assert str(error) == "The Azure SDK failed with OwnError."


def test_an_error_of_the_contract_passes_through():
    with pytest.raises(InvalidKey, match="as it was"), translate_errors():
        raise InvalidKey("as it was")


@pytest.mark.parametrize(
    "kind", sorted({m.kind for _, m in list_meanings()}, key=lambda kind: kind.__name__)
)
def test_an_error_can_be_sent_to_another_process(kind):
    code = next(name for name, meaning in list_meanings() if meaning.kind is kind)
    answer = (
        build_answer("", code)
        if isinstance(code, int)
        else build_answer(code, HTTPStatus.IM_A_TEAPOT, headers={"Retry-After": "3"})
    )
    error = translate(answer)

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error) is kind
    assert (str(copy), copy.key, copy.field) == (str(error), error.key, error.field)
    if issubclass(kind, TransientStorageError):
        assert copy.retryable


def test_a_wrong_key_and_a_missing_permission_are_different():
    wrong = translate(build_answer("AuthenticationFailed", 403))
    denied = translate(build_answer("AuthorizationPermissionMismatch", 403))
    vague = translate(build_answer("AuthorizationFailure", 403))

    assert isinstance(wrong, Unauthenticated)
    assert isinstance(denied, AccessDenied)
    assert isinstance(vague, AccessDenied)
    assert "firewall" in str(vague)
