"""What the server says of an object, without its bytes."""

from __future__ import annotations

from typing import Any, Final

from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors

# An answer to HEAD has no body, so these do not say what they are about: a key or the
# bucket is missing; a key, a secret or a permission is wrong.
_SILENT: Final = frozenset({400, 403, 404})


def look_at(client: S3Client, key: str, **condition: str) -> dict[str, Any]:
    """The answer of HeadObject; why it fails is asked with a GET of one byte.

    Raises:
        ObjectNotFound, ContainerNotFound, Unauthenticated, AccessDenied: as they say.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415  the SDK, on first use

    target = {"Bucket": client.bucket, "Key": key, **condition}
    with translate_errors(key):
        try:
            found: dict[str, Any] = client.api.head_object(**target)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _SILENT:
                raise
            return _ask_why(client, target)
    return found


def _ask_why(client: S3Client, target: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = client.api.get_object(**target, Range="bytes=0-0")
    answer["Body"].close()
    total = answer.get("ContentRange", "").rpartition("/")[2]
    return {**answer, "ContentLength": int(total or answer["ContentLength"])}
