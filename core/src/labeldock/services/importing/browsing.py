"""The first objects that a storage would import, whether it is saved or not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from labeldock.contract.values import ListQuery, ObjectInfo
from labeldock.services.access import Principal
from labeldock.services.connections import Connection, build_connection
from labeldock.services.context import AppContext
from labeldock.services.importing.preview import PAGE_SIZE, build_preview_source
from labeldock.services.storage_checks import validate_draft
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import complete_draft

SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Browsed:
    """Some objects; whether there are more, or the time was up before one knew."""

    objects: tuple[ObjectInfo, ...]
    has_more: bool = False
    is_late: bool = False


def browse_storage(
    app: AppContext,
    principal: Principal,
    draft: StorageDraft,
    *,
    storage_id: int | None = None,
    limit: int,
    seconds: float = SECONDS,
) -> Browsed:
    """The first `limit` objects that pass the storage's filters; nothing is saved.

    With `storage_id`, values that are left out are those of that storage.

    Raises:
        InvalidInput: a value is wrong.
        StorageError: the storage cannot be listed.
    """
    complete = complete_draft(app, principal, draft, storage_id)
    fields, options, bound = validate_draft(app, complete)
    connection = build_connection(app, storage_id, bound, draft.purpose, options)
    found: list[ObjectInfo] = []
    end = time.monotonic() + seconds
    for page in _iterate_pages(connection, fields):
        found += page
        if len(found) > limit:
            return Browsed(tuple(found[:limit]), has_more=True)
        if time.monotonic() > end:
            return Browsed(tuple(found), is_late=True)
    return Browsed(tuple(found))


def _iterate_pages(
    connection: Connection, fields: Mapping[str, Any]
) -> Iterator[list[ObjectInfo]]:
    source = build_preview_source(connection, fields)
    query = ListQuery(source.prefix, delimiter=source.delimiter, limit=PAGE_SIZE)
    while True:
        page = connection.provider.list_objects(connection.ref, query)
        yield [info for info in page.objects if source.admits(info)]
        if page.cursor is None:
            return
        after = page.objects[-1].key if page.objects else query.after_key
        query = replace(query, after_key=after, cursor=page.cursor)
