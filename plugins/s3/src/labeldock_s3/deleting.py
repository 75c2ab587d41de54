"""Deleting one object."""

from __future__ import annotations

from labeldock.contract import (
    DeleteRequest,
    Deletion,
    ObjectNotFound,
    PreconditionFailed,
)
from labeldock_s3.clients import S3Client
from labeldock_s3.errors import translate_errors
from labeldock_s3.keys import check_key
from labeldock_s3.looking import look_at


def delete_object(client: S3Client, request: DeleteRequest) -> Deletion:
    """Delete an object; S3 does not tell whether it was there, so it is looked at.

    A condition is checked here, for servers that do not know it in deletions, and by
    the server, with the deletion itself:
    docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    """
    key, etag = check_key(request.key), request.condition.etag
    try:
        found = look_at(client, key)
        if etag not in {None, found.get("ETag", "").strip('"')}:
            raise PreconditionFailed("The object has another ETag.", key=key)
        condition = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with translate_errors(key):
            client.api.delete_object(Bucket=client.bucket, Key=key, **condition)
    except ObjectNotFound:  # by the look, or since then
        return Deletion(existed=False)
    return Deletion(existed=True)
