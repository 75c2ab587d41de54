"""Writing an object, whole or not at all; large ones in parts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from labeldock.contract import (
    Condition,
    IntegrityError,
    ObjectNotFound,
    PreconditionFailed,
    SavedObject,
    WriteRequest,
)
from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_key

PART_SIZE: Final = 8 * 1024 * 1024
_MAX_PARTS: Final = 10_000  # docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html

_HEADERS: Final = {
    "IfNoneMatch": "If-None-Match",
    "IfMatch": "If-Match",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def save_object(client: S3Client, request: WriteRequest) -> SavedObject:
    """Write one object; above 8 MiB by a multipart upload.

    Raises:
        IntegrityError: the content is not as long as it says; nothing was written.
    """
    check_key(request.key)
    if request.content.size > PART_SIZE:
        return _save_parts(client, request)
    with request.content.open() as stream:
        body = _read_whole(stream, request)
    with _translate_condition(request):
        answer = client.sender.send(request.key, _build_headers(client, request), body)
        answer = answer or client.api.put_object(
            Bucket=client.bucket,
            Key=request.key,
            Body=body,
            ContentType=request.content_type,
            **_build_condition(request.condition),
            **_build_encryption(client),
        )
    return _build_saved(answer)


def _build_headers(client: S3Client, request: WriteRequest) -> dict[str, str]:
    """What boto3 makes of the arguments of `put_object`."""
    given = _build_condition(request.condition) | _build_encryption(client)
    named = {_HEADERS[name]: value for name, value in given.items()}
    return {"Content-Type": request.content_type, **named}


@contextmanager
def _translate_condition(request: WriteRequest) -> Iterator[None]:
    """Translate errors; to miss the object that has to be matched is one of its own."""
    try:
        with translate_errors(request.key):
            yield
    except ObjectNotFound as error:
        if request.condition.etag is None:
            raise
        raise PreconditionFailed("There is no such object.", key=request.key) from error


def _read_whole(stream: BinaryIO, request: WriteRequest) -> bytes:
    body = stream.read(request.content.size + 1)
    if len(body) != request.content.size:
        raise _wrong_size(request)
    return body


def _build_condition(condition: Condition) -> dict[str, Any]:
    """The arguments for a condition (If-Match, If-None-Match)."""
    if condition.absent:
        return {"IfNoneMatch": "*"}
    if condition.etag is not None:
        return {"IfMatch": f'"{condition.etag}"'}
    return {}


def _build_encryption(client: S3Client) -> dict[str, Any]:
    options = client.options
    if options.aws_sse_kms_key_id:
        key_id = options.aws_sse_kms_key_id
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id}
    if options.server_side_encryption:
        return {"ServerSideEncryption": options.server_side_encryption}
    return {}


def _build_saved(answer: dict[str, Any]) -> SavedObject:
    return SavedObject(answer.get("ETag", "").strip('"'), answer.get("VersionId"))


def _save_parts(client: S3Client, request: WriteRequest) -> SavedObject:
    target = {"Bucket": client.bucket, "Key": request.key}
    with translate_errors(request.key):
        upload = client.api.create_multipart_upload(
            **target, ContentType=request.content_type, **_build_encryption(client)
        )
    target["UploadId"] = upload["UploadId"]
    try:
        parts = _send_parts(client, request, target)
        with _translate_condition(request):
            answer = client.api.complete_multipart_upload(
                **target,
                MultipartUpload={"Parts": parts},
                **_build_condition(request.condition),
            )
    except BaseException:
        _abort(client, target)
        raise
    return _build_saved(answer)


def _abort(client: S3Client, target: dict[str, str]) -> None:
    """Free the parts, which cost money; what went wrong before is what counts."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  late

    with suppress(BotoCoreError, ClientError):
        client.api.abort_multipart_upload(**target)


def _send_parts(
    client: S3Client, request: WriteRequest, target: dict[str, str]
) -> list[dict[str, Any]]:
    size = max(PART_SIZE, -(-request.content.size // _MAX_PARTS))
    parts: list[dict[str, Any]] = []
    sent = 0
    with request.content.open() as stream:
        while block := _read_block(stream, size):
            sent += len(block)
            if sent > request.content.size:
                break
            parts.append(_send_part(client, target, len(parts) + 1, block))
    if sent != request.content.size:
        raise _wrong_size(request)
    return parts


def _send_part(
    client: S3Client, target: dict[str, str], number: int, block: bytes
) -> dict[str, Any]:
    with translate_errors(target["Key"]):
        answer = client.api.upload_part(
            **target, PartNumber=number, Body=io.BytesIO(block)
        )
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _read_block(stream: BinaryIO, size: int) -> bytes:
    """A full part, since only the last one may be smaller."""
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
