"""Whether a bucket can be used: what fails, about which field, and what to do.

Works with permissions on objects alone: nothing is asked of the bucket that would take
`storage.buckets.get`.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    Availability,
    BytesContent,
    ConfigurationError,
    ContainerNotFound,
    DeleteRequest,
    InvalidKey,
    LabeldockError,
    ListQuery,
    NotSupported,
    PresignRequest,
    Problem,
    Purpose,
    ReadRequest,
    StorageError,
    StorageRef,
    TransientStorageError,
    Unauthenticated,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
)
from labeldock_gcs.clients import ClientCache, GcsClient
from labeldock_gcs.deleting import delete_object
from labeldock_gcs.errors import CONNECTING, translate_errors
from labeldock_gcs.listing import list_page
from labeldock_gcs.reading import read_object
from labeldock_gcs.signing import presign_object
from labeldock_gcs.writing import save_object

_STATUS: Final[tuple[tuple[type[LabeldockError], Availability], ...]] = (
    (ContainerNotFound, Availability.NOT_FOUND),
    (Unauthenticated, Availability.FORBIDDEN),
    (AccessDenied, Availability.FORBIDDEN),
    (ConfigurationError, Availability.FORBIDDEN),
    (TransientStorageError, Availability.UNREACHABLE),
)
_PERMISSIONS: Final = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)
_UNCHECKED: Final = Problem(
    "public_endpoint",
    "The public endpoint cannot be reached from here, so it was not checked whether "
    "pages may read from it.",
    "Open a task with media in a browser to see.",
    "cors_unchecked",
)
_USED: Final = timedelta(minutes=1)


def validate_storage(
    clients: ClientCache, storage: StorageRef, request: ValidateRequest
) -> ValidationReport:
    """Check a bucket as far as was asked."""
    try:
        client = clients.get_client(storage)
        if storage.purpose is Purpose.IMPORT:
            return _check_import(client, request)
        return _check_export(client, request)
    except LabeldockError as error:
        return _build_report(error)


def _build_report(error: LabeldockError) -> ValidationReport:
    problem = Problem(
        error.field or "bucket",
        error.message,
        error.remedy or "Check the bucket with Google's own tools.",
        error.code,
    )
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return ValidationReport(status, (problem,))
    return ValidationReport(Availability.AVAILABLE, (problem,))


def _check_import(client: GcsClient, request: ValidateRequest) -> ValidationReport:
    found = list_page(client, ListQuery(request.prefix, limit=1)).objects
    if not found:
        return ValidationReport(Availability.AVAILABLE, (_nothing(request.prefix),))
    key = found[0].key
    read_object(client, ReadRequest(key, metadata_only=True)).reader.close()
    problems = _check_origin(client, key, request.origin) if request.origin else ()
    return ValidationReport(Availability.AVAILABLE, problems)


def _nothing(prefix: str) -> Problem:
    where = f"below {prefix!r}" if prefix else "in the bucket"
    return Problem(
        "prefix" if prefix else "bucket",
        f"There is no object {where}.",
        "Check the prefix and the bucket, or put an object there.",
        "nothing_found",
    )


def _check_origin(client: GcsClient, key: str, origin: str) -> tuple[Problem, ...]:
    """Look at an object as a page of that origin would."""
    try:
        allowed = _ask_for_origin(client, key, origin)
    except (NotSupported, InvalidKey):
        return ()  # it will be streamed
    except TransientStorageError:
        return (_UNCHECKED,)
    if allowed in {"*", origin}:
        return ()
    problem = Problem(
        "bucket",
        f"Pages from {origin} may not read the bucket's objects (CORS).",
        "Allow the origin in the bucket's CORS configuration, for GET and HEAD, or "
        "switch presigning off.",
        "cors",
    )
    return (problem,)


def _ask_for_origin(client: GcsClient, key: str, origin: str) -> str | None:
    from labeldock_gcs.sessions import (  # noqa: PLC0415  brings the SDK
        build_plain_session,
    )

    signed = presign_object(client, PresignRequest(key, _USED))
    with (
        translate_errors(CONNECTING),
        build_plain_session(client.check_peer) as session,
    ):
        answer = session.get(
            signed.url,
            headers={"Origin": origin, "Range": "bytes=0-0"},
            timeout=client.timeout,
            stream=True,
        )
        answer.close()
        allowed: str | None = answer.headers.get("Access-Control-Allow-Origin")
        return allowed


def _check_export(client: GcsClient, request: ValidateRequest) -> ValidationReport:
    if request.probe_write:
        _probe_write(client, request.prefix)
    elif not _may_anything(client):
        # What is granted below a prefix only does not show; a listing tells.
        list_page(client, ListQuery(request.prefix, limit=1))
    return ValidationReport(Availability.AVAILABLE)


def _may_anything(client: GcsClient) -> bool:
    """Whether something is granted on the objects; asking takes no permission."""
    bucket = client.api.bucket(client.bucket)
    try:
        with translate_errors(CONNECTING):
            granted = bucket.test_iam_permissions(_PERMISSIONS, **client.limits())
    except (Unauthenticated, TransientStorageError):
        raise
    except StorageError:
        return False  # emulators do not know of it
    return bool(granted)


def _probe_write(client: GcsClient, prefix: str) -> None:
    key = f"{prefix}labeldock-probe-{secrets.token_hex(8)}"
    content = BytesContent(b"Written to check the connection; may be deleted.")
    save_object(client, WriteRequest(key, content, "text/plain", ABSENT))
    delete_object(client, DeleteRequest(key))
