"""What the errors of Cloud Storage come to: three tables, and the actions they are for.

Reasons and statuses: cloud.google.com/storage/docs/json_api/v1/status-codes. Classes
stand here by name, so that this module can be imported without the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

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
from labeldock_gcs.documents import FIELD


class Meaning(NamedTuple):
    """What an error comes to, which field it is about, and what to do."""

    kind: type[StorageError]
    text: str
    field: str | None = None
    remedy: str | None = None


_ENDPOINT: Final = "gcs_endpoint"
_PASTE: Final = "Paste the JSON key of a service account."

_NO_OBJECT: Final = Meaning(ObjectNotFound, "There is no such object.")
_NO_BUCKET: Final = Meaning(
    ContainerNotFound,
    "There is no such bucket.",
    "bucket",
    "Check the name, and the endpoint.",
)
_NO_ACCOUNT: Final = Meaning(
    Unauthenticated,
    "There is no such service account.",
    "impersonate_service_account",
    "Check its address.",
)


class Action(NamedTuple):
    """What is being done: the permission that it takes, and what a 404 means."""

    permission: str
    missing: Meaning


CONNECTING: Final = Action("", _NO_BUCKET)
LISTING: Final = Action("storage.objects.list", _NO_BUCKET)
READING: Final = Action("storage.objects.get", _NO_OBJECT)
WRITING: Final = Action(
    "storage.objects.create, and storage.objects.delete to overwrite", _NO_BUCKET
)
DELETING: Final = Action("storage.objects.delete", _NO_OBJECT)
SIGNING: Final = Action("iam.serviceAccounts.signBlob", _NO_ACCOUNT)

_BUSY: Final = Meaning(
    RateLimited, "Cloud Storage asks to slow down.", "bucket", "Try again later."
)
_DOWN: Final = Meaning(
    Unavailable,
    "Cloud Storage cannot answer at the moment.",
    _ENDPOINT,
    "Try again later; look at the endpoint, if it is not Google's.",
)
_LATE: Final = Meaning(
    OperationTimeout,
    "The server did not answer in time.",
    _ENDPOINT,
    "Check the endpoint and the network, or try again later.",
)
_STALE: Final = Meaning(PreconditionFailed, "The object is not the one expected.")
_OUT_OF_RANGE: Final = Meaning(InvalidRange, "No byte lies in the range.")
_REFUSED: Final = Meaning(StorageError, "The server does not take such a request.")
_LACKING: Final = Meaning(NotSupported, "The server does not support this.")
_TOO_LARGE: Final = Meaning(TooLarge, "The object is too large for the server.")
_FORBIDDEN: Final = Meaning(
    AccessDenied,
    "The credentials do not permit this.",
    "bucket",
    "Grant the role Storage Object Viewer on the bucket, for an export Storage Object "
    "User.",
)
_UNKNOWN_TOKEN: Final = Meaning(
    Unauthenticated, "The credentials are not accepted.", FIELD, _PASTE
)
_NOBODY: Final = Meaning(
    Unauthenticated,
    "The bucket is not public, and there are no credentials.",
    FIELD,
    _PASTE,
)
_NOT_BILLED: Final = Meaning(
    AccessDenied,
    "The account behind the bucket is closed or not billed.",
    "bucket",
    "Have the bucket's owner look at the project's billing.",
)
_HELD: Final = Meaning(
    AccessDenied,
    "The object must not be changed: a hold or a retention policy protects it.",
    None,
    "Export to a bucket without a retention policy.",
)
_POLICY: Final = Meaning(
    AccessDenied,
    "A policy of the organisation forbids this.",
    "bucket",
    "Have the owner of the bucket look at the organisation's policies.",
)

MESSAGES: Final[tuple[tuple[str, Meaning], ...]] = (
    ("bucket does not exist", _NO_BUCKET),
    ("nosuchbucket", _NO_BUCKET),
    (
        "requester pays",
        Meaning(
            AccessDenied,
            "The bucket bills who reads it (requester pays), which is not supported.",
            "bucket",
            "Use a bucket that is paid for by its owner.",
        ),
    ),
    ("crc32c", Meaning(IntegrityError, "The bytes were damaged on the way.")),
    ("md5 hash", Meaning(IntegrityError, "The bytes were damaged on the way.")),
)
"""Words in an answer's text -> meaning, where reason and status do not tell."""

REASONS: Final[Mapping[str, Meaning]] = {
    "authError": _UNKNOWN_TOKEN,
    "401 required": _NOBODY,
    "accountDisabled": _NOT_BILLED,
    "countryBlocked": _POLICY,
    "forbidden": _FORBIDDEN,
    "insufficientPermissions": _FORBIDDEN,
    "objectUnderActiveHold": _HELD,
    "retentionPolicyNotMet": _HELD,
    "orgPolicyConstraintFailed": _POLICY,
    "sslRequired": Meaning(
        AccessDenied,
        "The server takes requests over TLS only.",
        _ENDPOINT,
        "Enter an address that begins with https.",
    ),
    "rateLimitExceeded": _BUSY,
    "userRateLimitExceeded": _BUSY,
    "quotaExceeded": _BUSY,
    "usageLimits": _BUSY,
    "conditionNotMet": _STALE,
    "requestedRangeNotSatisfiable": _OUT_OF_RANGE,
    "uploadTooLarge": _TOO_LARGE,
    "notImplemented": _LACKING,
}
"""By the word for the reason, with the status before it where that matters."""

STATUSES: Final[Mapping[int, Meaning]] = {
    301: _REFUSED,
    304: _STALE,
    307: _REFUSED,
    308: Meaning(Unavailable, "The upload was not finished."),
    400: _REFUSED,
    401: _UNKNOWN_TOKEN,
    403: _FORBIDDEN,
    405: _LACKING,
    408: _LATE,
    409: Meaning(Unavailable, "Another change of this object is under way."),
    410: Meaning(Unavailable, "The upload was interrupted for too long."),
    411: _REFUSED,
    412: _STALE,
    413: _TOO_LARGE,
    416: _OUT_OF_RANGE,
    429: _BUSY,
    499: Meaning(Unavailable, "The request was cancelled."),
    500: _DOWN,
    501: _LACKING,
    502: _DOWN,
    503: _DOWN,
    504: _DOWN,
}
"""By HTTP status; 404 means what the action says."""

_UNREACHABLE: Final = Meaning(
    Unavailable,
    "The server cannot be reached.",
    _ENDPOINT,
    "Check the endpoint, the network and the proxy.",
)
_BROKEN_OFF: Final = Meaning(
    Unavailable,
    "The connection broke off.",
    _ENDPOINT,
    "Check the endpoint, the network and the proxy, or try again later.",
)
_TLS: Final = Meaning(
    Unavailable,
    "The server's certificate is not trusted, or it speaks no TLS.",
    _ENDPOINT,
    "Check the address, or have the operator trust the certificate's authority "
    "(REQUESTS_CA_BUNDLE).",
)
_ELSEWHERE: Final = Meaning(
    AccessDenied,
    "The server leads to another host, which is not followed.",
    _ENDPOINT,
    "Enter the address that finally answers.",
)
_STRANGE: Final = Meaning(
    StorageError,
    "What answers is not Cloud Storage.",
    _ENDPOINT,
    "Check the endpoint.",
)
_SHORT: Final = Meaning(IntegrityError, "The body ended early or was damaged.")
_NO_CREDENTIALS: Final = Meaning(
    Unauthenticated,
    "The server has no identity of its own that could be used.",
    FIELD,
    _PASTE,
)
_NO_TOKEN: Final = Meaning(
    Unauthenticated, "There is no access token for the credentials.", FIELD, _PASTE
)

CLASSES: Final[Mapping[str, Meaning]] = {
    # google.api_core
    "RetryError": _DOWN,
    # google.auth
    "TransportError": _UNREACHABLE,
    "RefreshError": _NO_TOKEN,
    "ReauthFailError": _NO_TOKEN,
    "ReauthSamlChallengeFailError": _NO_TOKEN,
    "UserAccessTokenError": _NO_TOKEN,
    "OAuthError": _NO_TOKEN,
    "DefaultCredentialsError": _NO_CREDENTIALS,
    "MalformedError": _NO_CREDENTIALS,
    "InvalidResource": _NO_CREDENTIALS,
    "InvalidOperation": _NO_CREDENTIALS,
    "InvalidValue": _NO_CREDENTIALS,
    "InvalidType": _NO_CREDENTIALS,
    "MutualTLSChannelError": _TLS,
    "ClientCertError": _TLS,
    "TimeoutError": _LATE,
    "ResponseError": _STRANGE,
    # google.cloud.storage
    "DataCorruption": _SHORT,
    "InvalidResponse": _STRANGE,
    # requests
    "HostRefused": _ELSEWHERE,
    "TooManyRedirects": _ELSEWHERE,
    "ProxyError": _UNREACHABLE,
    "SSLError": _TLS,
    "ConnectTimeout": _LATE,
    "ReadTimeout": _LATE,
    "Timeout": _LATE,
    "ConnectionError": _UNREACHABLE,
    "ChunkedEncodingError": _BROKEN_OFF,
    "ContentDecodingError": _SHORT,
    "InvalidJSONError": _STRANGE,
    "JSONDecodeError": _STRANGE,
    "InvalidURL": _STRANGE,
    "InvalidProxyURL": _UNREACHABLE,
    "InvalidHeader": _STRANGE,
    # the standard library, inside the others
    "ConnectionRefusedError": _UNREACHABLE,
    "ConnectionResetError": _BROKEN_OFF,
    "ConnectionAbortedError": _BROKEN_OFF,
    "BrokenPipeError": _BROKEN_OFF,
    # urllib3
    "ReadTimeoutError": _LATE,
    "ConnectTimeoutError": _LATE,
    "NewConnectionError": _UNREACHABLE,
    "NameResolutionError": _UNREACHABLE,
    "MaxRetryError": _UNREACHABLE,
    "ProtocolError": _BROKEN_OFF,
    "IncompleteRead": _SHORT,
    "InvalidChunkLength": _SHORT,
    "DecodeError": _SHORT,
    "PoolError": _DOWN,
}
"""By the name of the class, the nearest in its line of descent."""
