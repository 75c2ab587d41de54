"""Deleting one blob."""

from __future__ import annotations

from labeldock.contract import DeleteRequest, Deletion, ObjectNotFound
from labeldock_azure.clients import AzureClient
from labeldock_azure.conditions import build_condition
from labeldock_azure.errors import Tries, translate_errors
from labeldock_azure.keys import check_key


def delete_object(client: AzureClient, request: DeleteRequest) -> Deletion:
    """Delete a blob with its snapshots; a missing one is no error."""
    blob = client.api.get_blob_client(check_key(request.key))
    tries = Tries()
    try:
        with translate_errors(request.key, tries):
            blob.delete_blob(
                delete_snapshots="include",
                retry_hook=tries.count,
                **build_condition(request.condition),
            )
    except ObjectNotFound:  # the first try may have deleted it
        return Deletion(existed=tries.were_several)
    return Deletion(existed=True)
