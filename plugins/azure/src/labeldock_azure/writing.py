"""Writing a blob, whole or not at all; large ones in blocks."""

from __future__ import annotations

import base64
import secrets
from typing import Any, BinaryIO, Final

from labeldock.contract import IntegrityError, SavedObject, TooLarge, WriteRequest
from labeldock_azure.clients import BLOCK_SIZE, AzureClient
from labeldock_azure.conditions import build_condition
from labeldock_azure.errors import Tries, translate_errors
from labeldock_azure.keys import check_key

# learn.microsoft.com/rest/api/storageservices/put-block
_MAX_BLOCKS: Final = 50_000
_MAX_BLOCK_SIZE: Final = 4000 * 1024 * 1024


def save_object(client: AzureClient, request: WriteRequest) -> SavedObject:
    """Write one blob; above 8 MiB by blocks that are put together at the end.

    Raises:
        IntegrityError: the content is not as long as it says; nothing was written.
    """
    blob = client.api.get_blob_client(check_key(request.key))
    if request.content.size > BLOCK_SIZE:
        return _save_blocks(blob, request)
    with request.content.open() as stream:
        body = stream.read(request.content.size + 1)
    if len(body) != request.content.size:
        raise _wrong_size(request)
    tries = Tries()
    with translate_errors(request.key, tries):
        answer = blob.upload_blob(
            body,
            overwrite=not request.condition.absent,
            content_settings=_build_settings(request),
            retry_hook=tries.count,
            **_without_missing(build_condition(request.condition)),
        )
    return _build_saved(answer)


def _without_missing(arguments: dict[str, Any]) -> dict[str, Any]:
    # `overwrite=False` is how upload_blob says IfMissing; it refuses both together.
    return arguments if "etag" in arguments else {}


def _build_settings(request: WriteRequest) -> Any:
    from azure.storage.blob import ContentSettings  # noqa: PLC0415  on first use

    return ContentSettings(content_type=request.content_type)


def _build_saved(answer: dict[str, Any]) -> SavedObject:
    return SavedObject(answer["etag"].strip('"'), answer.get("version_id"))


def _save_blocks(blob: Any, request: WriteRequest) -> SavedObject:
    """Blocks that are never put together are dropped by the service after a week."""
    names = _send_blocks(blob, request)
    from azure.storage.blob import BlobBlock  # noqa: PLC0415  on first use

    tries = Tries()
    with translate_errors(request.key, tries):
        answer = blob.commit_block_list(
            [BlobBlock(block_id=name) for name in names],
            content_settings=_build_settings(request),
            retry_hook=tries.count,
            **build_condition(request.condition),
        )
    return _build_saved(answer)


def _send_blocks(blob: Any, request: WriteRequest) -> list[str]:
    size = max(BLOCK_SIZE, -(-request.content.size // _MAX_BLOCKS))
    if size > _MAX_BLOCK_SIZE:
        raise TooLarge("The blob is too large for the service.", key=request.key)
    # Writers that meet send blocks to the same blob: names are of this upload alone.
    upload = secrets.token_hex(8)
    names: list[str] = []
    sent = 0
    with request.content.open() as stream:
        while block := _read_block(stream, size):
            sent += len(block)
            if sent > request.content.size:
                break
            names.append(_name_block(upload, len(names)))
            with translate_errors(request.key):
                blob.stage_block(names[-1], block, length=len(block))
    if sent != request.content.size:
        raise _wrong_size(request)
    return names


def _name_block(upload: str, number: int) -> str:
    """All names have to be of the same length."""
    return base64.b64encode(f"{upload}-{number:06}".encode()).decode()


def _read_block(stream: BinaryIO, size: int) -> bytes:
    """A full block, so that their number stays small."""
    blocks, missing = [], size
    while missing and (block := stream.read(missing)):
        blocks.append(block)
        missing -= len(block)
    return b"".join(blocks)


def _wrong_size(request: WriteRequest) -> IntegrityError:
    return IntegrityError(
        f"The content is not {request.content.size} bytes long, as it said.",
        key=request.key,
    )
