"""Every error of the SDK has a meaning in the terms of the contract."""

from __future__ import annotations

import inspect
import json
import pickle

import google.auth.exceptions
import google.cloud.storage.exceptions
import pytest
import requests
import requests.exceptions
import urllib3.exceptions
from google.api_core import exceptions as api_exceptions

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    IntegrityError,
    InvalidRange,
    NotSupported,
    ObjectNotFound,
    OperationTimeout,
    PreconditionFailed,
    RateLimited,
    StorageError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from labeldock_gcs.errors import (
    CONNECTING,
    LISTING,
    READING,
    SIGNING,
    WRITING,
    find_meaning,
    translate_errors,
)
from labeldock_gcs.meanings import CLASSES, MESSAGES, REASONS, STATUSES

SECRET = "ya29.secret-token"

# Nothing that the provider does can end with these.
IGNORED = {
    # bases, which are never raised themselves
    "GoogleAPIError",
    "GoogleAPICallError",
    "Redirection",
    "ClientError",
    "ServerError",
    "GoogleAuthError",
    "RequestException",
    "HTTPError",
    "RequestError",
    "LocationValueError",
    # mistakes of the program that calls
    "DuplicateCredentialArgs",
    "AsyncRestUnsupportedParameterError",
    "InvalidPathError",
    "URLRequired",
    "MissingSchema",
    "InvalidSchema",
    "StreamConsumedError",
    "UnrewindableBodyError",
    "TimeoutStateError",
    "URLSchemeUnknown",
    "LocationParseError",
    "BodyNotHttplibCompatible",
    "HeaderParsingError",
    "ProxySchemeUnknown",
    "ProxySchemeUnsupported",
    # the SDK's resumable transfers, which are not used
    "ResumableTransferError",
    "TransferStalledError",
    "UnseekableStreamError",
    "UploadCancelledError",
    "MissingStatusHeaderError",
    # of gRPC alone
    "Unknown",
    "DataLoss",
    # a file of the machine, read by google-auth; it is a DefaultCredentialsError
    "OSError",
}


def exported(module):
    """The exceptions that a module defines."""
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
        and not issubclass(kind, Warning)
        and kind.__module__ == module.__name__
        and not kind.__name__.startswith("_")
    ]


MODULES = (
    api_exceptions,
    google.auth.exceptions,
    google.cloud.storage.exceptions,
    requests.exceptions,
    urllib3.exceptions,
)
KINDS = [kind for module in MODULES for kind in exported(module)]


def answer(status, reason="", message="", headers=None):
    """An answer of the JSON API."""
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers or {})
    errors = [{"reason": reason, "message": message}] if reason else []
    error = {"code": status, "message": message, "errors": errors}
    response._content = json.dumps({"error": error}).encode()
    response.request = requests.Request("GET", f"https://x/?token={SECRET}").prepare()
    return response


def translate(error, action=READING, key="a.txt"):
    with (
        pytest.raises(StorageError, match=r".") as caught,
        translate_errors(action, key),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__qualname__)
def test_every_exported_exception_is_mapped_or_left_out_on_purpose(kind):
    if kind.__name__ in IGNORED:
        return
    if issubclass(kind, api_exceptions.GoogleAPICallError):
        assert kind.code == 404 or int(kind.code) in STATUSES
        return

    line = [each.__name__ for each in kind.__mro__]

    assert kind.__name__ in CLASSES or any(name in CLASSES for name in line[1:3]), line


def test_nothing_is_left_out_that_does_not_exist():
    assert {kind.__name__ for kind in KINDS} >= IGNORED


def test_no_name_is_both_mapped_and_left_out():
    assert not IGNORED & set(CLASSES)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, StorageError),
        (304, PreconditionFailed),
        (307, StorageError),
        (308, Unavailable),
        (400, StorageError),
        (401, Unauthenticated),
        (403, AccessDenied),
        (404, ObjectNotFound),
        (405, NotSupported),
        (408, OperationTimeout),
        (409, Unavailable),
        (410, Unavailable),
        (411, StorageError),
        (412, PreconditionFailed),
        (413, TooLarge),
        (416, InvalidRange),
        (418, StorageError),
        (429, RateLimited),
        (499, Unavailable),
        (500, Unavailable),
        (501, NotSupported),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_a_status_has_its_meaning(status, kind):
    error = translate(api_exceptions.from_http_response(answer(status)))

    assert type(error) is kind
    assert error.key == "a.txt"


def test_every_status_of_the_table_is_tested():
    tested = test_a_status_has_its_meaning.pytestmark[0].args[1]

    assert set(STATUSES) <= {status for status, _ in tested}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_reason_says_more_than_a_status(reason):
    status, _, word = reason.rpartition(" ")
    response = answer(int(status or 400), word)

    error = translate(api_exceptions.from_http_response(response))

    assert type(error) is REASONS[reason].kind


@pytest.mark.parametrize(
    ("words", "meaning"), MESSAGES, ids=lambda each: str(each)[:20]
)
def test_a_message_says_what_nothing_else_does(words, meaning):
    response = answer(400, "required", f"It is: {words.upper()}!")

    assert type(translate(api_exceptions.from_http_response(response))) is meaning.kind


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_has_its_meaning(name):
    meaning = CLASSES[name]

    assert issubclass(meaning.kind, StorageError)
    assert meaning.text.endswith(".")
    assert bool(meaning.field) == bool(meaning.remedy)


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (LISTING, ContainerNotFound),
        (READING, ObjectNotFound),
        (WRITING, ContainerNotFound),
        (SIGNING, Unauthenticated),
    ],
)
def test_what_is_missing_depends_on_what_was_done(action, kind):
    error = translate(api_exceptions.NotFound("none"), action)

    assert type(error) is kind


def test_a_missing_bucket_is_known_by_its_text():
    response = answer(404, "notFound", "The specified bucket does not exist.")

    error = translate(api_exceptions.from_http_response(response))

    assert type(error) is ContainerNotFound
    assert error.field == "bucket"


@pytest.mark.parametrize("action", [LISTING, READING, WRITING, SIGNING])
def test_a_refusal_names_the_permission(action):
    error = translate(api_exceptions.Forbidden("no"), action)

    assert action.permission in error.message


def test_connecting_takes_no_permission():
    error = translate(api_exceptions.Forbidden("no"), CONNECTING)

    assert "It takes" not in error.message


def test_the_seconds_to_wait_are_passed_on():
    response = answer(429, headers={"Retry-After": "7"})
    later = answer(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})

    assert translate(api_exceptions.from_http_response(response)).retry_after == 7.0
    assert translate(api_exceptions.from_http_response(later)).retry_after is None


def wrap(error):
    """An exception as the layers above wrap it."""
    return google.auth.exceptions.TransportError(error)


LOW = urllib3.exceptions
HIGH = requests.exceptions


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            HIGH.ConnectionError(LOW.ProtocolError("x", ConnectionResetError())),
            Unavailable,
            "broke off",
        ),
        (
            HIGH.ConnectionError(
                LOW.MaxRetryError(None, "/", LOW.NewConnectionError(None, "refused"))
            ),
            Unavailable,
            "reached",
        ),
        (
            HIGH.SSLError(LOW.MaxRetryError(None, "/", LOW.SSLError("bad"))),
            Unavailable,
            "certificate",
        ),
        (
            HIGH.ReadTimeout(LOW.ReadTimeoutError(None, "/", "late")),
            OperationTimeout,
            "in time",
        ),
        (HIGH.ConnectTimeout(), OperationTimeout, "in time"),
        (HIGH.ProxyError(), Unavailable, "reached"),
        (
            LOW.ProtocolError("broken", LOW.IncompleteRead(1, 2)),
            IntegrityError,
            "ended early",
        ),
        (LOW.ReadTimeoutError(None, None, "late"), OperationTimeout, "in time"),
        (LOW.SSLError("bad"), Unavailable, "certificate"),
        (api_exceptions.RetryError("over", None), Unavailable, "at the moment"),
        (
            google.cloud.storage.exceptions.DataCorruption(None, "bad"),
            IntegrityError,
            "damaged",
        ),
        (
            google.auth.exceptions.DefaultCredentialsError("none"),
            Unauthenticated,
            "identity",
        ),
        (google.auth.exceptions.RefreshError("no", {}), Unauthenticated, "token"),
        (
            google.auth.exceptions.RefreshError("no", retryable=True),
            Unavailable,
            "token service",
        ),
    ],
)
@pytest.mark.parametrize("layer", [lambda error: error, wrap], ids=["bare", "wrapped"])
def test_layers_are_looked_through(error, kind, text, layer):
    if isinstance(error, google.auth.exceptions.RefreshError) and layer is wrap:
        return

    translated = translate(layer(error))

    assert type(translated) is kind
    assert text in translated.message


def test_what_is_not_known_is_a_storage_error():
    class Strange(requests.exceptions.RequestException):
        pass

    error = translate(Strange(SECRET))

    assert type(error) is StorageError
    assert error.message == "The SDK failed with Strange."


@pytest.mark.parametrize(
    "error",
    [
        api_exceptions.from_http_response(answer(403, "forbidden", SECRET)),
        api_exceptions.from_http_response(answer(418, SECRET, SECRET)),
        requests.exceptions.ConnectionError(f"https://x/?X-Goog-Signature={SECRET}"),
        google.auth.exceptions.RefreshError(SECRET, {"error": SECRET}),
        google.auth.exceptions.RefreshError(SECRET, f'["{SECRET}"]'),
        google.cloud.storage.exceptions.InvalidResponse(
            answer(400, "x", SECRET), SECRET
        ),
    ],
)
def test_no_text_of_the_sdk_or_the_server_is_repeated(error):
    translated = translate(error)

    assert SECRET not in f"{translated} {translated.remedy}"
    assert translated.__cause__ is error


def test_errors_travel():
    error = translate(api_exceptions.from_http_response(answer(412, "conditionNotMet")))

    copy = pickle.loads(pickle.dumps(error))

    assert copy.message == error.message
    assert copy.context == {"gcs_reason": "conditionNotMet"}


def test_errors_of_others_pass_through():
    with pytest.raises(KeyError, match="mine"), translate_errors(READING):
        raise KeyError("mine")


def test_an_answer_that_is_no_json_is_no_reason():
    response = answer(503)
    response._content = b"<html>"

    assert (
        find_meaning(api_exceptions.from_http_response(response), READING).kind
        is Unavailable
    )
