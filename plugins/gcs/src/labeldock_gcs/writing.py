"""Writing an object, whole or not at all; large ones by a resumable upload."""

from __future__ import annotations

from labeldock.contract import SavedObject, WriteRequest
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.conditions import build_condition
from labeldock_gcs.contents import read_whole
from labeldock_gcs.errors import WRITING, translate_errors
from labeldock_gcs.keys import check_key
from labeldock_gcs.retries import is_not_done, may_pass
from labeldock_gcs.uploads import LARGE, upload_large


def save_object(client: GcsClient, request: WriteRequest) -> SavedObject:
    """Write one object; above 8 MiB by a resumable upload.

    Raises:
        PreconditionFailed: the condition does not hold.
        IntegrityError: the content is not as long as it says; nothing was written.
    """
    check_key(request.key)
    if request.content.size > LARGE:
        return _build_saved(upload_large(client, request))
    data = read_whole(request)
    condition = build_condition(request.condition)
    blob = client.open_blob(request.key)
    with translate_errors(WRITING, request.key):
        blob.upload_from_string(
            data,
            content_type=request.content_type,
            if_generation_match=condition,
            **client.limits(may_pass if condition is None else is_not_done),
        )
    return _build_saved(str(blob.generation))


def _build_saved(generation: str) -> SavedObject:
    return SavedObject(generation, generation)
