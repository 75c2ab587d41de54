"""Whether a container can be used: what fails, about which field, and what to do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from labeldock.contract import (
    ABSENT,
    AccessDenied,
    Availability,
    ByteRange,
    BytesContent,
    ContainerNotFound,
    DeleteRequest,
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
from labeldock_azure.clients import AzureClient, ClientCache
from labeldock_azure.deleting import delete_object
from labeldock_azure.errors import translate_errors
from labeldock_azure.keys import check_text
from labeldock_azure.origins import check_origin
from labeldock_azure.reading import read_object
from labeldock_azure.writing import save_object

_STATUS: Final[tuple[tuple[type[StorageError], Availability], ...]] = (
    (ContainerNotFound, Availability.NOT_FOUND),
    (Unauthenticated, Availability.FORBIDDEN),
    (AccessDenied, Availability.FORBIDDEN),
    (TransientStorageError, Availability.UNREACHABLE),
)
_LATER: Final = "Check the settings, or try again later."
_SEVERAL: Final = 10  # the first ones may be marks of folders


def validate_storage(
    clients: ClientCache, storage: StorageRef, request: ValidateRequest
) -> ValidationReport:
    """Check a container as far as was asked."""
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
        error.field or "container", error.message, error.remedy or _LATER, error.code
    )


def _find_problems(
    client: AzureClient, purpose: Purpose, request: ValidateRequest
) -> Iterator[Problem]:
    if purpose is Purpose.EXPORT:
        # A listing, empty or not: a SAS token may not read the container's properties.
        _list(client, request.prefix)
        if request.probe_write:
            yield from _probe_write(client, request.prefix)
        return
    key = _find_blob(_list(client, request.prefix))
    if key is None:
        yield _miss_blob(request.prefix)
        return
    _check_read(client, key)
    if request.origin:
        yield from check_origin(client, key, request.origin)


def _list(client: AzureClient, prefix: str) -> list[Any]:
    with translate_errors():
        found = client.api.list_blobs(
            name_starts_with=check_text(prefix) or None, results_per_page=_SEVERAL
        )
        return list(islice(found, _SEVERAL))


def _find_blob(found: list[Any]) -> str | None:
    """The name of a blob that is not only the mark of a folder."""
    for blob in found:
        if blob.size or not blob.name.endswith("/"):
            name: str = blob.name
            return name
    return None


def _miss_blob(prefix: str) -> Problem:
    where = f"whose name begins with {prefix!r}" if prefix else "in the container"
    return Problem(
        "prefix" if prefix else "container",
        f"There is no blob {where}.",
        "Check the container and the prefix, or put a blob there first.",
        "no_object",
    )


def _check_read(client: AzureClient, key: str) -> None:
    """Read a byte: whoever may list need not be permitted to read."""
    try:
        body = read_object(client, ReadRequest(key, ByteRange(0, 0)))
    except AccessDenied as error:
        if error.context.get("azure_code") == "BlobArchived":
            return  # this one is archived, which says nothing of the others
        raise AccessDenied(
            "The credentials permit to list the blobs, and not to read them.",
            field="container",
            remedy="Grant the role Storage Blob Data Reader, or a SAS token with read.",
        ) from error
    except (TransientStorageError, Unauthenticated):
        raise
    except StorageError:
        return  # it is empty, or is gone since
    body.reader.close()


def _probe_write(client: AzureClient, prefix: str) -> Iterator[Problem]:
    key = f"{prefix}labeldock-probe-{secrets.token_hex(8)}"
    content = BytesContent(b"Written to check the connection; may be deleted.")
    save_object(client, WriteRequest(key, content, "text/plain", ABSENT))
    try:
        delete_object(client, DeleteRequest(key))
    except AccessDenied:
        yield Problem(
            "container",
            f"The credentials permit to write, and not to delete: {key!r} was left.",
            "Grant the permission to delete, or delete it yourself.",
            "probe_left",
        )
