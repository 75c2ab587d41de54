"""Whether a bucket can be used: what fails, about which field, and what to do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    Availability,
    BytesContent,
    ContainerNotFound,
    DeleteRequest,
    NotSupported,
    Problem,
    Purpose,
    StorageError,
    StorageRef,
    TransientStorageError,
    Unauthenticated,
    ValidateRequest,
    ValidationReport,
    WriteRequest,
)
from labeldock_s3.clients import ClientCache, S3Client
from labeldock_s3.deleting import delete_object
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_text
from labeldock_s3.origins import check_origin
from labeldock_s3.writing import save_object

_STATUS: Final[tuple[tuple[type[StorageError], Availability], ...]] = (
    (ContainerNotFound, Availability.NOT_FOUND),
    (Unauthenticated, Availability.FORBIDDEN),
    (AccessDenied, Availability.FORBIDDEN),
    (TransientStorageError, Availability.UNREACHABLE),
)
_LATER: Final = "Check the settings, or try again later."
_AMAZON: Final = ".amazonaws.com"
_SEVERAL: Final = 10  # the first ones may be marks of folders


def validate_storage(
    clients: ClientCache, storage: StorageRef, request: ValidateRequest
) -> ValidationReport:
    """Check a bucket as far as was asked."""
    try:
        client = clients.get_client(storage)
        problems = tuple(_find_problems(client, storage.purpose, request))
    except StorageError as error:
        return ValidationReport(_find_status(error), (_build_problem(error),))
    return ValidationReport(Availability.AVAILABLE, problems)


def _find_status(error: StorageError) -> Availability:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return Availability.UNREACHABLE


def _build_problem(error: StorageError) -> Problem:
    return Problem(
        error.field or "bucket", error.message, error.remedy or _LATER, error.code
    )


def _find_problems(
    client: S3Client, purpose: Purpose, request: ValidateRequest
) -> Iterator[Problem]:
    if purpose is Purpose.EXPORT:
        # A listing, empty or not: HeadBucket would not say what is wrong, and a policy
        # may permit no more than the prefix.
        yield from _check_region(client, _list(client, request.prefix))
        if request.probe_write:
            yield from _probe_write(client, request.prefix)
        return
    answer = _list(client, request.prefix)
    yield from _check_region(client, answer)
    key = _find_object(answer)
    if key is None:
        yield _miss_object(request.prefix)
        return
    _check_read(client, key)
    if request.origin:
        yield from check_origin(client, key, request.origin)


def _list(client: S3Client, prefix: str) -> dict[str, Any]:
    with translate_errors():
        answer: dict[str, Any] = client.api.list_objects_v2(
            Bucket=client.bucket, Prefix=check_text(prefix), MaxKeys=_SEVERAL
        )
    return answer


def _check_region(client: S3Client, answer: dict[str, Any]) -> Iterator[Problem]:
    """boto3 finds the right region by itself; a signed URL does not."""
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    is_amazon = not client.options.s3_endpoint or _AMAZON in client.options.s3_endpoint
    if is_amazon and told and told != client.region:
        yield Problem(
            "region_name",
            f"The bucket lies in the region {told}.",
            f"Set the region to {told}, or signed URLs will not work.",
            "wrong_region",
        )


def _find_object(answer: dict[str, Any]) -> str | None:
    """A key that is not only the mark of a folder."""
    for entry in answer.get("Contents", ()):
        if entry["Size"] or not entry["Key"].endswith("/"):
            key: str = entry["Key"]
            return key
    return None


def _miss_object(prefix: str) -> Problem:
    where = f"whose key begins with {prefix!r}" if prefix else "in the bucket"
    return Problem(
        "prefix" if prefix else "bucket",
        f"There is no object {where}.",
        "Check the bucket and the prefix, or put an object there first.",
        "no_object",
    )


def _check_read(client: S3Client, key: str) -> None:
    """Read a byte: whoever may list need not be permitted to read."""
    try:
        with translate_errors(key):
            answer = client.api.get_object(
                Bucket=client.bucket, Key=key, Range="bytes=0-0"
            )
    except AccessDenied as error:
        if error.context.get("s3_code") == "InvalidObjectState":
            return  # this one is archived, which says nothing of the others
        raise AccessDenied(
            "The credentials permit to list the objects, and not to read them.",
            field="bucket",
            remedy="Grant s3:GetObject, and kms:Decrypt if the bucket is encrypted "
            "with KMS.",
        ) from error
    except TransientStorageError:
        raise
    except StorageError:
        return  # it is empty, or is gone since
    answer["Body"].close()


def _probe_write(client: S3Client, prefix: str) -> Iterator[Problem]:
    key = f"{prefix}labeldock-probe-{secrets.token_hex(8)}"
    content = BytesContent(b"Written to check the connection; may be deleted.")
    try:
        save_object(client, WriteRequest(key, content, "text/plain", ABSENT))
    except NotSupported:  # the server has no conditional writes
        save_object(client, WriteRequest(key, content, "text/plain"))
    try:
        delete_object(client, DeleteRequest(key))
    except AccessDenied:
        yield Problem(
            "bucket",
            f"The credentials permit to write, and not to delete: {key!r} was left.",
            "Grant s3:DeleteObject, or delete it yourself.",
            "probe_left",
        )
