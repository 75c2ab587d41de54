"""The tables of errors are complete, and nothing of the SDK's text comes out."""

from __future__ import annotations

import inspect
import pickle

import boto3.exceptions
import botocore.exceptions
import botocore.parsers
import pytest
import urllib3.exceptions
from botocore.exceptions import ClientError

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    IntegrityError,
    InvalidRange,
    NotSupported,
    ObjectNotFound,
    PreconditionFailed,
    RateLimited,
    StorageError,
    TransientStorageError,
    Unauthenticated,
    Unavailable,
)
from labeldock_s3.errors import find_meaning, translate_errors
from labeldock_s3.meanings import CLASSES, CODES, ROLE_CODES
from labeldock_s3.options import S3Options

SECRET = "s3cr3t-in-the-text"

# Exceptions of boto3 that nothing that is called here can raise: of other services, of
# the resource and transfer layers, of development, and the bases that say nothing.
IGNORED = {
    "ApiVersionNotFoundError", "AliasConflictParameterError", "AwsChunkedWrapperError",
    "Boto3Error", "BotoCoreError", "CapacityNotAvailableError", "DataNotFoundError",
    "DynamoDBNeedsConditionError", "DynamoDBNeedsKeyConditionError",
    "DynamoDBOperationNotSupportedError", "ImminentRemovalWarning",
    "InvalidChecksumConfigError", "InvalidCrtTransferConfigError",
    "InvalidDefaultsMode",
    "InvalidEndpointDiscoveryConfigurationError", "InvalidExpressionError",
    "InvalidMaxRetryAttemptsError", "InvalidRetryConfigurationError",
    "InvalidRetryModeError", "InvalidS3UsEast1RegionalEndpointConfigError",
    "InvalidSTSRegionalEndpointsConfigError", "MD5UnavailableError",
    "MissingParametersError", "MissingServiceIdError", "NoVersionFound",
    "OperationNotPageableError", "PaginationError", "PythonDeprecationWarning",
    "RangeError", "ResourceLoadException", "ResourceNotExistsError",
    "RetriesExceededError", "S3TransferFailedError", "S3UploadFailedError",
    "StubAssertionError", "StubResponseError", "UnStubbedResponseError",
    "UndefinedModelAttributeError", "UnknownAPIVersionError",
    "UnknownClientMethodError",
    "UnknownKeyError", "UnknownParameterError", "UnknownServiceError",
    "UnknownServiceStyle", "UnknownSignatureVersionError", "UnseekableStreamError",
    "UnsupportedS3ControlArnError", "UnsupportedS3ControlConfigurationError",
    "UnsupportedServiceProtocolsError", "UnsupportedSignatureVersionError",
    "UnsupportedTLSVersionWarning", "ValidationError", "WaiterConfigError",
    "WaiterError",
}  # fmt: skip


def list_exported():
    for module in (botocore.exceptions, boto3.exceptions):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and issubclass(kind, BaseException):
                is_own = kind.__module__ in {module.__name__, "botocore.exceptions"}
                if is_own and not name.startswith("_"):
                    yield kind


EXPORTED = sorted(set(list_exported()), key=lambda kind: kind.__name__)


def is_known(kind):
    return any(base.__name__ in CLASSES for base in kind.__mro__)


def build_answer(code, status=400, operation="GetObject", headers=None, **more):
    """The SDK's exception for an answer of a server."""
    response = {
        "Error": {"Code": code, "Message": f"text with {SECRET}", **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return ClientError(response, operation)


def translate(error, key="a.txt"):
    with pytest.raises(StorageError, match=r"\.$") as caught, translate_errors(key):
        raise error
    return caught.value


@pytest.mark.parametrize("kind", EXPORTED, ids=lambda kind: kind.__name__)
def test_every_exception_that_the_sdk_exports_is_mapped_or_ignored(kind):
    if issubclass(kind, ClientError):
        return  # by the code of the answer

    assert is_known(kind) != (kind.__name__ in IGNORED)


def test_nothing_is_ignored_that_the_sdk_does_not_export():
    assert {kind.__name__ for kind in EXPORTED} >= IGNORED


def test_every_class_in_the_table_is_one_of_the_sdk():
    known = {kind.__name__ for kind in EXPORTED}

    assert set(CLASSES) - known == {"ResponseParserError"}
    assert issubclass(botocore.parsers.ResponseParserError, Exception)


def list_meanings():
    for table in (CODES, ROLE_CODES, CLASSES):
        yield from table.items()


@pytest.mark.parametrize(("name", "meaning"), list(list_meanings()))
def test_a_meaning_is_complete(name, meaning):
    fields = {*S3Options.model_fields, None}

    assert issubclass(meaning.kind, StorageError)
    assert meaning.text.endswith(".")
    assert meaning.field in fields
    assert bool(meaning.field) == bool(meaning.remedy)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_becomes_its_error(code):
    error = translate(build_answer(code))

    assert type(error) is CODES[code].kind
    assert error.key == "a.txt"
    assert SECRET not in f"{error}{error!r}{vars(error)}"
    assert isinstance(error.__cause__, ClientError)


@pytest.mark.parametrize("code", sorted(ROLE_CODES))
def test_a_code_of_sts_is_about_the_role(code):
    error = translate(build_answer(code, operation="AssumeRole"), key=None)

    assert type(error) is ROLE_CODES[code].kind
    assert error.field in {"role_arn", "region_name"}


def test_a_wrong_key_is_a_wrong_key_for_sts_too():
    error = translate(build_answer("InvalidClientTokenId", 403, "AssumeRole"), key=None)

    assert isinstance(error, Unauthenticated)
    assert error.field == "aws_access_key_id"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthenticated),
        (403, AccessDenied),
        (404, ObjectNotFound),
        (405, NotSupported),
        (412, PreconditionFailed),
        (416, InvalidRange),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (503, RateLimited),
        (507, Unavailable),
    ],
)
def test_an_unknown_code_is_told_by_the_status(status, kind):
    assert type(translate(build_answer("NeverHeardOf", status))) is kind


def test_an_unknown_code_and_status_are_a_storage_error():
    error = translate(build_answer("NeverHeardOf", 418))

    assert type(error) is StorageError
    assert str(error) == "The server answered 418."
    assert error.context == {"s3_code": "NeverHeardOf"}


def test_a_code_that_is_no_word_does_not_get_into_the_log():
    error = translate(build_answer(f"<{SECRET} and more>", 418))

    assert error.context == {}


def test_an_answer_without_anything_is_a_storage_error():
    assert type(translate(ClientError({}, "GetObject"))) is StorageError


def test_what_is_missing_without_a_key_is_the_bucket():
    error = translate(build_answer("404", 404, "ListObjectsV2"), key=None)

    assert isinstance(error, ContainerNotFound)
    assert error.field == "bucket"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("-1", None), ("²", None)],
)
def test_the_delay_that_a_server_names_is_kept(header, seconds):
    error = translate(build_answer("SlowDown", 503, headers={"retry-after": header}))

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_the_size_is_taken_from_the_answer_to_a_bad_range():
    error = translate(build_answer("InvalidRange", 416, ActualObjectSize="1234"))

    assert isinstance(error, InvalidRange)
    assert error.size == 1234


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({"Region": "eu-central-1"}, {}),
        ({}, {"x-amz-bucket-region": "eu-central-1"}),
    ],
)
def test_the_remedy_for_another_region_names_it(more, headers):
    code = "AuthorizationHeaderMalformed"
    error = translate(build_answer(code, 400, headers=headers, **more))

    assert error.field == "region_name"
    assert error.remedy == "Set the region to eu-central-1."


def test_a_region_that_is_none_is_not_repeated():
    code = "AuthorizationHeaderMalformed"
    error = translate(build_answer(code, 400, Region=f"<{SECRET}>"))

    assert error.field == "region_name"
    assert SECRET not in error.remedy


def test_a_condition_that_fails_after_a_second_try_is_not_certain():
    error = build_answer("PreconditionFailed", 412, "PutObject")
    error.response["ResponseMetadata"]["RetryAttempts"] = 1

    translated = translate(error)

    assert isinstance(translated, Unavailable)
    assert translated.retryable


def test_a_condition_of_a_read_is_certain_at_every_try():
    error = build_answer("PreconditionFailed", 412, "GetObject")
    error.response["ResponseMetadata"]["RetryAttempts"] = 1

    assert isinstance(translate(error), PreconditionFailed)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (urllib3.exceptions.IncompleteRead(3, 7), IntegrityError),
        (ConnectionResetError(104, "reset"), Unavailable),
    ],
)
def test_a_body_that_ends_early_is_not_one_that_is_broken_off(cause, kind):
    protocol = urllib3.exceptions.ProtocolError("broken", cause)

    error = translate(botocore.exceptions.ResponseStreamingError(error=protocol))

    assert type(error) is kind


def test_an_error_of_tls_in_the_middle_of_a_body_is_an_outage():
    error = translate(urllib3.exceptions.SSLError("bad record"))

    assert isinstance(error, Unavailable)


def test_renewed_credentials_that_are_old_are_expired_ones():
    error = translate(RuntimeError("the refreshed credentials are still expired"))

    assert isinstance(error, Unauthenticated)


def test_an_error_of_the_contract_passes_through():
    # It is a RuntimeError too, and must not be translated a second time.
    with pytest.raises(NotSupported, match="as it was"), translate_errors():
        raise NotSupported("as it was")


def test_an_exception_that_is_not_in_the_table_is_named_by_its_class():
    error = translate(
        botocore.exceptions.WaiterError(name=SECRET, reason="", last_response={})
    )

    assert type(error) is StorageError
    assert str(error) == "boto3 failed with WaiterError."


def test_a_subclass_means_what_its_base_means():
    class OwnError(botocore.exceptions.NoRegionError):
        pass

    assert find_meaning(OwnError()) == CLASSES["BaseEndpointResolverError"]


@pytest.mark.parametrize(
    "kind", sorted({m.kind for _, m in list_meanings()}, key=lambda kind: kind.__name__)
)
def test_an_error_can_be_sent_to_another_process(kind):
    (code, *_) = [name for name, meaning in CODES.items() if meaning.kind is kind]
    error = translate(build_answer(code, 500, headers={"retry-after": "3"}))

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert (str(copy), copy.key, copy.field) == (str(error), error.key, error.field)
    if issubclass(kind, TransientStorageError):
        assert copy.retry_after == 3.0
