"""Deleting one object."""

from __future__ import annotations

from labeldock.contract import DeleteRequest, Deletion, ObjectNotFound
from labeldock_gcs.clients import GcsClient
from labeldock_gcs.conditions import build_condition
from labeldock_gcs.errors import DELETING, translate_errors
from labeldock_gcs.keys import check_key
from labeldock_gcs.retries import is_not_done


def delete_object(client: GcsClient, request: DeleteRequest) -> Deletion:
    """Delete an object; the server says whether it was there.

    Raises:
        PreconditionFailed: it is another one.
    """
    blob = client.open_blob(check_key(request.key))
    try:
        with translate_errors(DELETING, request.key):
            blob.delete(
                if_generation_match=build_condition(request.condition),
                # Sent again after one that was done, it would find nothing.
                **client.limits(is_not_done),
            )
    except ObjectNotFound:
        return Deletion(existed=False)
    return Deletion(existed=True)
