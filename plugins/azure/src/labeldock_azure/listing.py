"""Listing by List Blobs, page by page with the service's marker.

The service documents "alphabetical order", which is another one where the account has a
hierarchical namespace. So the capabilities claim neither the contract's order nor that
a listing can start after a key.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from labeldock.contract import CursorExpired, ListQuery, ObjectInfo, ObjectPage
from labeldock_azure.clients import AzureClient
from labeldock_azure.errors import find_status, translate_errors
from labeldock_azure.keys import check_text

_MARK: Final = "marker:"
_MAX_PAGE: Final = 5000


def list_page(client: AzureClient, query: ListQuery) -> ObjectPage:
    """One page of a container, in the service's order.

    Raises:
        CursorExpired: the cursor is not one of ours, or the service refuses it.
    """
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415  on first use

    marker = _find_marker(query)
    with translate_errors():
        pages = _start_listing(client, query).by_page(continuation_token=marker)
        try:
            found = list(next(pages, ()))
        except HttpResponseError as error:
            if marker and find_status(error) == 400:
                raise CursorExpired("The service refuses the marker.") from error
            raise
    return _build_page(found, query, pages.continuation_token)


def _find_marker(query: ListQuery) -> str | None:
    if query.cursor is None:
        return None
    if not query.cursor.startswith(_MARK):
        raise CursorExpired("The cursor is not one of this provider.")
    return query.cursor.removeprefix(_MARK)


def _start_listing(client: AzureClient, query: ListQuery) -> Any:
    arguments = {
        "name_starts_with": check_text(query.prefix) or None,
        "results_per_page": min(query.limit, _MAX_PAGE),
    }
    if query.delimiter:
        return client.api.walk_blobs(delimiter=query.delimiter, **arguments)
    return client.api.list_blobs(**arguments)


def _build_page(found: list[Any], query: ListQuery, marker: str | None) -> ObjectPage:
    # Among blobs and prefixes only blobs have a size.
    blobs = [item for item in found if getattr(item, "size", None) is not None]
    prefixes = [item.name for item in found if getattr(item, "size", None) is None]
    return ObjectPage(
        objects=tuple(
            build_info(blob.name, blob)
            for blob in blobs
            if _is_after(blob.name, query) and _is_upto(blob.name, query)
        ),
        prefixes=tuple(
            name
            for name in prefixes
            if _is_upto(name, query)
            and (_is_after(name, query) or str(query.after_key).startswith(name))
        ),
        cursor=_MARK + marker if marker else None,
    )


def _is_after(name: str, query: ListQuery) -> bool:
    return query.after_key is None or name > query.after_key


def _is_upto(name: str, query: ListQuery) -> bool:
    return query.upto_key is None or name <= query.upto_key


def build_info(key: str, properties: Any) -> ObjectInfo:
    """What the SDK says of a blob."""
    modified = properties.last_modified
    return ObjectInfo(
        key,
        properties.size,
        (properties.etag or "").strip('"'),
        modified.astimezone(UTC) if modified else None,
        properties.content_settings.content_type,
    )
