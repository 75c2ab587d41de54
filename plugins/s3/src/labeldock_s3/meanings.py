"""What the errors of S3 and of its SDK mean in the terms of the contract.

Two tables: codes in a server's answer, and classes of the SDK where there is none. The
texts are our own, since the SDK's may hold addresses, and a server's whatever it likes.
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


_BUCKET: Final = "bucket"
_ENDPOINT: Final = "s3_endpoint"
_KEY_ID: Final = "aws_access_key_id"
_SECRET: Final = "aws_secret_access_key"  # noqa: S105  the name of a field
_TOKEN: Final = "aws_session_token"  # noqa: S105
_KMS: Final = "aws_sse_kms_key_id"
_ROLE: Final = "role_arn"

REGION: Final = Meaning(
    StorageError,
    "The bucket lies in another region.",
    "region_name",
    "Set the region that the bucket was made in.",
)
EXPIRED: Final = Meaning(
    Unauthenticated,
    "The credentials have expired.",
    _TOKEN,
    "Enter a new session token with its access key, or let a role be assumed.",
)
NO_BUCKET: Final = Meaning(
    ContainerNotFound,
    "There is no such bucket.",
    _BUCKET,
    "Check the name of the bucket, and the endpoint.",
)
UNCERTAIN: Final = Meaning(
    Unavailable, "An answer was lost, so it is not known whether it was done."
)
_BUSY: Final = Meaning(
    RateLimited,
    "The server asks to slow down.",
    _BUCKET,
    "Try again later.",
)
_DOWN: Final = Meaning(
    Unavailable,
    "The server cannot answer at the moment.",
    _ENDPOINT,
    "Try again later.",
)
WEB_SITE: Final = Meaning(
    Unavailable,
    "What answers at the endpoint is a web site, or a server that is down.",
    _ENDPOINT,
    "Check the endpoint: a console has another port than its server. Else try again "
    "later.",
)
_LATE: Final = Meaning(
    OperationTimeout,
    "The server did not answer in time.",
    _ENDPOINT,
    "Check the endpoint and the network, or try again later.",
)
_GONE: Final = Meaning(ObjectNotFound, "There is no such object.")
_STALE: Final = Meaning(PreconditionFailed, "The object is not the one expected.")
_OTHER_WRITE: Final = Meaning(Unavailable, "Another write of this object is under way.")
_NO_RANGE: Final = Meaning(InvalidRange, "No byte lies in the range.")
_LARGE: Final = Meaning(TooLarge, "The object is too large for the server.")
_DAMAGED: Final = Meaning(IntegrityError, "The bytes were damaged on the way.")
_UNKNOWN_KEY: Final = Meaning(
    Unauthenticated,
    "The access key is not known to the server.",
    _KEY_ID,
    "Check the access key id; it may have been deleted.",
)
_DENIED: Final = Meaning(
    AccessDenied,
    "The credentials do not permit this.",
    _BUCKET,
    "Grant s3:ListBucket and s3:GetObject, and for an export s3:PutObject and "
    "s3:DeleteObject.",
)
_NO_SUPPORT: Final = Meaning(
    NotSupported,
    "The server does not support this.",
    _ENDPOINT,
    "Check that an S3 server is behind the endpoint; use one that can do it.",
)
_KMS_KEY: Final = Meaning(
    AccessDenied,
    "The KMS key cannot be used.",
    _KMS,
    "Check that the key exists, is enabled, lies in the bucket's region, and that "
    "kms:GenerateDataKey and kms:Decrypt are granted.",
)

# docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the numbers are what
# boto3 takes for a code where an answer has no body.
CODES: Final[Mapping[str, Meaning]] = {
    "NoSuchKey": _GONE,
    "NoSuchVersion": _GONE,
    "NotFound": _GONE,
    "404": _GONE,
    "NoSuchBucket": NO_BUCKET,
    "InvalidBucketName": Meaning(
        ContainerNotFound, "This is not a bucket name.", _BUCKET, "Check the name."
    ),
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": Meaning(
        Unauthenticated,
        "The secret access key is wrong.",
        _SECRET,
        "Enter the secret that belongs to the access key id.",
    ),
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "TokenRefreshRequired": EXPIRED,
    "RequestExpired": EXPIRED,
    "InvalidToken": Meaning(
        Unauthenticated,
        "The session token is wrong.",
        _TOKEN,
        "Enter it again, with the access key that was issued with it.",
    ),
    "RequestTimeTooSkewed": Meaning(
        Unauthenticated,
        "The clocks of this machine and of the server differ by too much.",
        _ENDPOINT,
        "Set the clock of this machine, or the server's.",
    ),
    "401": _UNKNOWN_KEY,
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "AllAccessDisabled": Meaning(
        AccessDenied, "The bucket is disabled.", _BUCKET, "Ask the bucket's owner."
    ),
    "AccountProblem": Meaning(
        AccessDenied, "The account has a problem.", _KEY_ID, "Ask its owner."
    ),
    "NotSignedUp": Meaning(
        AccessDenied, "The account is not signed up for S3.", _KEY_ID, "Ask its owner."
    ),
    "403": Meaning(
        AccessDenied,
        "The credentials are wrong or do not permit this.",
        _BUCKET,
        "Check the access key, and grant s3:ListBucket and s3:GetObject.",
    ),
    "InvalidObjectState": Meaning(
        AccessDenied,
        "The object is archived.",
        _BUCKET,
        "Restore it to a storage class that can be read.",
    ),
    "KMS.DisabledException": _KMS_KEY,
    "KMS.InvalidKeyUsageException": _KMS_KEY,
    "KMS.KMSInvalidStateException": _KMS_KEY,
    "KMS.NotFoundException": _KMS_KEY,
    "PermanentRedirect": REGION,
    "TemporaryRedirect": REGION,
    "AuthorizationHeaderMalformed": REGION,
    "IllegalLocationConstraintException": REGION,
    "301": REGION,
    "307": REGION,
    "PreconditionFailed": _STALE,
    "412": _STALE,
    "ConditionalRequestConflict": _OTHER_WRITE,
    "OperationAborted": _OTHER_WRITE,
    "409": _OTHER_WRITE,
    "NoSuchUpload": Meaning(Unavailable, "The upload was broken off by the server."),
    "InvalidRange": _NO_RANGE,
    "416": _NO_RANGE,
    "KeyTooLongError": Meaning(InvalidKey, "The key is longer than 1,024 bytes."),
    "InvalidURI": Meaning(InvalidKey, "The server cannot hold such a key."),
    "EntityTooLarge": _LARGE,
    "413": _LARGE,
    "BadDigest": _DAMAGED,
    "InvalidDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "IncompleteBody": Meaning(IntegrityError, "The server missed part of the bytes."),
    "NotImplemented": _NO_SUPPORT,
    "MethodNotAllowed": _NO_SUPPORT,
    "405": _NO_SUPPORT,
    "501": _NO_SUPPORT,
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "TooManyRequests": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "429": _BUSY,
    "503": _BUSY,
    "ServiceUnavailable": _DOWN,
    "InternalError": _DOWN,
    "500": _DOWN,
    "502": _DOWN,
    "504": _DOWN,
    "507": Meaning(
        Unavailable, "The server is full.", _ENDPOINT, "Make room on the server."
    ),
    "RequestTimeout": _LATE,
    "408": _LATE,
}

_NO_ROLE: Final = Meaning(
    AccessDenied,
    "The role may not be assumed.",
    _ROLE,
    "Check the ARN, and let the role's trust policy name this identity and the "
    "external id.",
)

ROLE_CODES: Final[Mapping[str, Meaning]] = {
    "AccessDenied": _NO_ROLE,
    "MalformedPolicyDocument": _NO_ROLE,
    "NoSuchEntity": _NO_ROLE,
    "ValidationError": _NO_ROLE,
    "403": _NO_ROLE,
    "RegionDisabledException": Meaning(
        AccessDenied,
        "STS is not active in this region.",
        "region_name",
        "Activate it in the account's settings, or take another region.",
    ),
}
"""The same for answers of STS, where they mean something else."""

_UNREACHABLE: Final = Meaning(
    Unavailable,
    "The server cannot be reached.",
    _ENDPOINT,
    "Check the endpoint, the network and the proxy.",
)
_TLS: Final = Meaning(
    Unavailable,
    "There is no trusted TLS connection to the server.",
    "ca_bundle",
    "Check the endpoint; give the certificate of the authority that signed the "
    "server's, or switch verify_tls off.",
)
_NO_CREDENTIALS: Final = Meaning(
    Unauthenticated,
    "There are no credentials.",
    _KEY_ID,
    "Give an access key, or set up the server's own identity.",
)
_PROXY: Final = Meaning(
    Unavailable, "The proxy cannot be reached.", _ENDPOINT, "Check HTTPS_PROXY."
)
_ODD_BUCKET: Final = Meaning(
    ContainerNotFound, "This is not a bucket that can be used.", _BUCKET, "Check it."
)
_NO_S3: Final = Meaning(
    StorageError,
    "What answers at the endpoint does not speak S3.",
    _ENDPOINT,
    "Check the endpoint; a console or a web site may have another port.",
)
BROKEN: Final = Meaning(IntegrityError, "The body ended early or was damaged.")
BROKEN_OFF: Final = Meaning(Unavailable, "The connection broke off.")

CLASSES: Final[Mapping[str, Meaning]] = {
    "SSLError": _TLS,
    "ConnectTimeoutError": _LATE,
    "ReadTimeoutError": _LATE,
    "EndpointConnectionError": _UNREACHABLE,
    "ProxyConnectionError": _PROXY,
    "InvalidProxiesConfigError": _PROXY,
    "ConnectionClosedError": _DOWN,
    "ConnectionError": _UNREACHABLE,
    "ResponseStreamingError": BROKEN_OFF,
    "HTTPClientError": _UNREACHABLE,
    "IncompleteReadError": BROKEN,
    "ChecksumError": BROKEN,
    "FlexibleChecksumError": BROKEN,
    "ResponseParserError": _NO_S3,
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "CredentialRetrievalError": _NO_CREDENTIALS,
    "UnknownCredentialError": _NO_CREDENTIALS,
    "TokenRetrievalError": _NO_CREDENTIALS,
    "NoAuthTokenError": _NO_CREDENTIALS,
    "MetadataRetrievalError": _NO_CREDENTIALS,
    "InvalidIMDSEndpointError": _NO_CREDENTIALS,
    "InvalidIMDSEndpointModeError": _NO_CREDENTIALS,
    "RefreshWithMFAUnsupportedError": _NO_CREDENTIALS,
    "SSOError": _NO_CREDENTIALS,
    "LoginError": _NO_CREDENTIALS,
    "ProfileNotFound": _NO_CREDENTIALS,
    "ConfigParseError": _NO_CREDENTIALS,
    "ConfigNotFound": _NO_CREDENTIALS,
    "InvalidConfigError": _NO_CREDENTIALS,
    "MissingDependencyException": _NO_CREDENTIALS,
    "UnknownTokenProviderError": _NO_CREDENTIALS,
    "BaseEndpointResolverError": REGION,
    "EndpointProviderError": REGION,
    "InvalidRegionError": REGION,
    "UnknownRegionError": REGION,
    "ServiceNotInRegionError": REGION,
    "InvalidS3AddressingStyleError": REGION,
    "InvalidEndpointConfigurationError": _UNREACHABLE,
    "InvalidDNSNameError": _ODD_BUCKET,
    "InvalidHostLabelError": _ODD_BUCKET,
    "UnsupportedS3ArnError": _ODD_BUCKET,
    "UnsupportedOutpostResourceError": _ODD_BUCKET,
    "UnsupportedS3AccesspointConfigurationError": _ODD_BUCKET,
    "UnsupportedS3ConfigurationError": _ODD_BUCKET,
    "ParamValidationError": Meaning(InvalidKey, "boto3 refuses such a request."),
}
"""By class name, so that this module can be imported without the SDK."""
