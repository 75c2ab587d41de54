"""What the errors of Azure and of its SDK mean in the terms of the contract.

Four tables: codes in an answer of the service, statuses where there is no code, codes
of Entra ID, and classes of the SDK where there is no answer. The texts are our own,
since the SDK's may hold addresses with signatures in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from labeldock.contract import (
    AccessDenied,
    ContainerNotFound,
    IntegrityError,
    InvalidKey,
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


class Meaning(NamedTuple):
    """What an error comes to, which field it is about, and what to do."""

    kind: type[StorageError]
    text: str
    field: str | None = None
    remedy: str | None = None


_CONTAINER: Final = "container"
_ENDPOINT: Final = "azure_endpoint"
_KEY: Final = "account_key"
_SECRET: Final = "client_secret"  # noqa: S105  the name of a field

NO_CONTAINER: Final = Meaning(
    ContainerNotFound,
    "There is no such container.",
    _CONTAINER,
    "Check the name of the container, and the account.",
)
UNCERTAIN: Final = Meaning(
    Unavailable, "An answer was lost, so it is not known whether it was done."
)
_WRONG: Final = Meaning(
    Unauthenticated,
    "The credentials are wrong or have expired, or the clocks differ by too much.",
    _KEY,
    "Enter the account key, SAS token or secret again, and check the clock.",
)
_NO_KEY: Final = Meaning(
    Unauthenticated,
    "This is not an account key.",
    _KEY,
    "Copy the key whole from the portal's page 'Access keys'.",
)
_DENIED: Final = Meaning(
    AccessDenied,
    "The credentials do not permit this.",
    _CONTAINER,
    "Grant the role Storage Blob Data Reader, and for an export Storage Blob Data "
    "Contributor; a SAS token needs read and list, and for an export create, write and "
    "delete.",
)
_REFUSED: Final = Meaning(
    AccessDenied,
    "The account refuses this: wrong credentials, a missing permission, or a firewall.",
    _KEY,
    "Check the key or token, its permissions, and the account's network rules.",
)
_DISABLED: Final = Meaning(
    AccessDenied, "The account is disabled.", _KEY, "Ask the account's owner."
)
_PROTECTED: Final = Meaning(
    AccessDenied,
    "The blob is protected against changes.",
    _CONTAINER,
    "Look at its lease, its legal hold and the container's immutability policy.",
)
_ARCHIVED: Final = Meaning(
    AccessDenied,
    "The blob is archived.",
    _CONTAINER,
    "Rehydrate it to a tier that can be read.",
)
_GONE: Final = Meaning(ObjectNotFound, "There is no such blob.")
_STALE: Final = Meaning(PreconditionFailed, "The blob is not the one expected.")
_NO_RANGE: Final = Meaning(InvalidRange, "No byte lies in the range.")
_NAME: Final = Meaning(InvalidKey, "Azure cannot hold such a blob name.")
_LARGE: Final = Meaning(TooLarge, "The blob is too large for the service.")
_DAMAGED: Final = Meaning(IntegrityError, "The bytes were damaged on the way.")
_OTHER_WRITE: Final = Meaning(
    Unavailable,
    "Another write of this blob was under way, which took the place of this one.",
)
_BUSY: Final = Meaning(
    RateLimited, "The service asks to slow down.", _CONTAINER, "Try again later."
)
_DOWN: Final = Meaning(
    Unavailable,
    "The service cannot answer at the moment.",
    _ENDPOINT,
    "Try again later.",
)
_LATE: Final = Meaning(
    OperationTimeout,
    "The service did not answer in time.",
    _ENDPOINT,
    "Check the account name, the endpoint and the network, or try again later.",
)
_OTHER_KIND: Final = Meaning(
    StorageError,
    "The blob is of another kind (append or page blob) and cannot be overwritten.",
    _CONTAINER,
    "Delete it, or take another prefix.",
)
_NO_SERVICE: Final = Meaning(
    StorageError,
    "What answers at the endpoint is no blob service.",
    _ENDPOINT,
    "Check the endpoint; that of another service has another name or port.",
)
_NO_SUPPORT: Final = Meaning(
    NotSupported,
    "The service does not support this.",
    _ENDPOINT,
    "Check that a blob service is behind the endpoint.",
)

# learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
# common-rest-api-error-codes
CODES: Final[Mapping[str, Meaning]] = {
    "ContainerNotFound": NO_CONTAINER,
    "ContainerBeingDeleted": NO_CONTAINER,
    "ContainerDisabled": NO_CONTAINER,
    "InvalidResourceName": NO_CONTAINER,
    "ResourceNotFound": _GONE,
    "BlobNotFound": _GONE,
    "AuthenticationFailed": _WRONG,
    "InvalidAuthenticationInfo": _WRONG,
    "NoAuthenticationInformation": _WRONG,
    "AuthorizationFailure": _REFUSED,
    "AuthorizationPermissionMismatch": _DENIED,
    "AuthorizationProtocolMismatch": _DENIED,
    "AuthorizationResourceTypeMismatch": _DENIED,
    "AuthorizationServiceMismatch": _DENIED,
    "AuthorizationSourceIPMismatch": _DENIED,
    "InsufficientAccountPermissions": _DENIED,
    "KeyBasedAuthenticationNotPermitted": Meaning(
        AccessDenied,
        "The account does not permit account keys.",
        _KEY,
        "Use a service principal or the server's own identity.",
    ),
    "PublicAccessNotPermitted": Meaning(
        AccessDenied,
        "The account does not permit public access.",
        "anonymous",
        "Give credentials, or have public access allowed for the account.",
    ),
    "AccountIsDisabled": _DISABLED,
    "AllAccessDisabled": _DISABLED,
    "UnauthorizedBlobOverwrite": _DENIED,
    "BlobImmutableDueToPolicy": _PROTECTED,
    "BlobImmutableDueToLegalHold": _PROTECTED,
    "LeaseIdMissing": _PROTECTED,
    "LeaseIdMismatchWithBlobOperation": _PROTECTED,
    "BlobArchived": _ARCHIVED,
    "BlobBeingRehydrated": _ARCHIVED,
    "ConditionNotMet": _STALE,
    "TargetConditionNotMet": _STALE,
    "BlobAlreadyExists": _STALE,
    "InvalidBlobType": _OTHER_KIND,
    "InvalidRange": _NO_RANGE,
    "InvalidUri": _NAME,
    "InvalidInput": _NAME,
    "OutOfRangeInput": _NAME,
    "RequestUrlFailedToParse": _NAME,
    "RequestBodyTooLarge": _LARGE,
    "BlockCountExceedsLimit": _LARGE,
    "BlockListTooLong": _LARGE,
    "Md5Mismatch": _DAMAGED,
    "InvalidBlobOrBlock": _OTHER_WRITE,
    "InvalidBlockList": _OTHER_WRITE,
    "UnsupportedHttpVerb": _NO_SUPPORT,
    "ServerBusy": _BUSY,
    "InternalError": _DOWN,
    "OperationTimedOut": _LATE,
}

STATUSES: Final[Mapping[int, Meaning]] = {
    301: _NO_SERVICE,
    302: _NO_SERVICE,
    307: _NO_SERVICE,
    308: _NO_SERVICE,
    401: _WRONG,
    403: _DENIED,
    404: _GONE,
    405: _NO_SUPPORT,
    408: _LATE,
    409: _STALE,
    412: _STALE,
    413: _LARGE,
    416: _NO_RANGE,
    429: _BUSY,
    500: _DOWN,
    501: _NO_SUPPORT,
    502: _DOWN,
    503: _BUSY,
    504: _LATE,
}

# learn.microsoft.com/entra/identity-platform/reference-error-codes
DIRECTORY_CODES: Final[Mapping[str, Meaning]] = {
    "7000215": Meaning(
        Unauthenticated,
        "The client secret is wrong.",
        _SECRET,
        "Enter the secret's value, which is not its id.",
    ),
    "7000222": Meaning(
        Unauthenticated,
        "The client secret has expired.",
        _SECRET,
        "Make a new secret for the application, and enter it.",
    ),
    "700016": Meaning(
        Unauthenticated,
        "There is no such application in the directory.",
        "client_id",
        "Check the client id, and that the application is in this tenant.",
    ),
    "90002": Meaning(
        Unauthenticated, "There is no such directory.", "tenant_id", "Check it."
    ),
    "900023": Meaning(
        Unauthenticated, "There is no such directory.", "tenant_id", "Check it."
    ),
}

NO_TOKEN: Final = Meaning(
    Unauthenticated,
    "No token could be had for these credentials.",
    _SECRET,
    "Check tenant, client id and secret; without them, set up the server's own "
    "identity.",
)
UNREACHABLE: Final = Meaning(
    Unavailable,
    "The service cannot be reached.",
    _ENDPOINT,
    "Check the account name, the endpoint and the network.",
)
TLS: Final = Meaning(
    Unavailable,
    "There is no trusted TLS connection to the service.",
    _ENDPOINT,
    "Check the endpoint; the operator can name further authorities in "
    "REQUESTS_CA_BUNDLE.",
)
BROKEN: Final = Meaning(IntegrityError, "The body ended early or was damaged.")
BROKEN_OFF: Final = Meaning(
    Unavailable, "The connection broke off.", _ENDPOINT, "Try again later."
)

CLASSES: Final[Mapping[str, Meaning]] = {
    # of azure-core
    "ServiceRequestTimeoutError": _LATE,
    "ServiceResponseTimeoutError": _LATE,
    "ServiceRequestError": UNREACHABLE,
    "ServiceResponseError": BROKEN_OFF,
    "IncompleteReadError": BROKEN,
    "DecodeError": _NO_SERVICE,
    "DeserializationError": _NO_SERVICE,
    "TooManyRedirectsError": _NO_SERVICE,
    "ResourceNotFoundError": _GONE,
    "ResourceExistsError": _STALE,
    "ResourceModifiedError": _STALE,
    "ResourceNotModifiedError": _STALE,
    "ClientAuthenticationError": NO_TOKEN,
    # of azure-identity and azure-storage-blob
    "AuthenticationRequiredError": NO_TOKEN,
    "CredentialUnavailableError": NO_TOKEN,
    "AzureSigningError": _NO_KEY,
    # of urllib3, which bodies are read with
    "ReadTimeoutError": _LATE,
    "IncompleteRead": BROKEN,
    "HTTPError": BROKEN_OFF,
}
"""By class name, so that this module can be imported without the SDK."""
