"""Whether a storage that is being connected would import anything, as far as one sees.

Only the first pages are looked at; a storage that is larger gets the benefit of doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from labeldock.contract.values import ListQuery, ObjectPage, Problem
from labeldock.services.connections import Connection
from labeldock.services.importing.formats.kinds import NAMES, is_task_file
from labeldock.services.importing.source import Source
from labeldock.services.storage_fields import compile_pattern, join_prefix

PAGES: Final = 10
PAGE_SIZE: Final = 1000


@dataclass(slots=True)
class _Found:
    """What the listing held."""

    objects: bool = False
    folders: bool = False
    admitted: bool = False


def find_problem(connection: Connection, fields: Mapping[str, Any]) -> Problem | None:
    """Why nothing would be imported although there is something.

    None if an object would be, if there is nothing at all (the provider's check has
    said so), or if the first pages do not tell.

    Raises:
        StorageError: the storage cannot be listed.
    """
    source = build_preview_source(connection, fields)
    found = _Found()
    query = ListQuery(source.prefix, delimiter=source.delimiter, limit=PAGE_SIZE)
    for _ in range(PAGES):
        page = connection.provider.list_objects(connection.ref, query)
        if _holds_usable(page, source, found):
            return None
        if page.cursor is None:
            return _explain(fields, found)
        after = page.objects[-1].key if page.objects else query.after_key
        query = replace(query, after_key=after, cursor=page.cursor)
    return None


def build_preview_source(connection: Connection, fields: Mapping[str, Any]) -> Source:
    """What an import would walk, of a storage that need not be saved."""
    pattern = fields["regex_filter"]
    return Source(
        connection=connection,
        prefix=join_prefix(fields["prefix"], is_literal=fields["literal_prefix"]),
        delimiter=None if fields["recursive_scan"] else "/",
        pattern=compile_pattern(pattern) if pattern else None,
        is_blob=fields["use_blob_urls"],
        base_uri="",
    )


def _holds_usable(page: ObjectPage, source: Source, found: _Found) -> bool:
    admitted = [info for info in page.objects if source.admits(info)]
    found.objects |= any(not info.key.endswith("/") for info in page.objects)
    found.folders |= bool(page.prefixes)
    found.admitted |= bool(admitted)
    if source.is_blob:
        return bool(admitted)
    return any(is_task_file(info.key) for info in admitted)


def _explain(fields: Mapping[str, Any], found: _Found) -> Problem | None:
    if found.admitted:
        return Problem(
            "use_blob_urls",
            f"No object is a task file ({NAMES}).",
            "If the objects are media, set use_blob_urls: each becomes a task.",
            "no_task_file",
        )
    if found.objects and fields["regex_filter"]:
        return Problem(
            "regex_filter",
            "No object passes the filter.",
            "The pattern has to match from the beginning of the whole key: put .* "
            "before what may come first.",
            "nothing_passes",
        )
    if found.folders:
        return Problem(
            "recursive_scan",
            "There are no objects at this level, only folders.",
            "Include sub-folders (recursive_scan), or choose one of them as prefix.",
            "nothing_passes",
        )
    return None
