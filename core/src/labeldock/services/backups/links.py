"""The objects that tasks were made from: as lines of an archive, and as origins."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

import orjson
from sqlalchemy import Connection
from sqlmodel import col, select

from labeldock.db.slots import Reference
from labeldock.db.slots import Slot as SlotRow
from labeldock.db.tables import ImportLink, Storage, Task
from labeldock.services.backups.places import Places
from labeldock.services.backups.rows import render_time
from labeldock.services.backups.scope import Chosen, Page, iterate_pages, stream_rows
from labeldock.services.resolving.storages import Origin

_KEPT_AWAY: Final = "kept_away"
_Line = tuple[int, str, str, str]
_find_place: Final = itemgetter(0, 1, 2)


def load_origins(connection: Connection, page: Page) -> dict[int, Origin]:
    """Where the tasks of a page came from, by task; without those from nowhere."""
    links = _select_links(connection).where(page.condition).order_by(col(ImportLink.id))
    found = {row[0]: Origin(row[1], row[3]) for row in connection.execute(links)}
    references = _select_references(connection).where(page.condition)
    for row in connection.execute(references.order_by(col(Reference.id))):
        found.setdefault(row[0], Origin(None, row[3], row[1]))
    return found


def iterate_references(
    connection: Connection, places: Places, chosen: Chosen
) -> Iterator[str]:
    """The lines of references, those of objects that stay away at the end."""
    links, references = _select_links(connection), _select_references(connection)
    name_link, slot_names = places.name_link, places.slot_names
    for page in iterate_pages(connection, chosen):
        positions = page.positions
        lines: list[_Line] = []
        for row in stream_rows(connection, links.where(page.condition)):
            slot, key = name_link(row[1], row[2], row[3])
            position = positions[row[0]]
            lines.append((position, slot, key, _render(position, slot, key, row)))
        if slot_names:  # only objects of slots have no link
            for row in stream_rows(connection, references.where(page.condition)):
                position, slot, key = positions[row[0]], slot_names[row[1]], row[3]
                lines.append((position, slot, key, _render(position, slot, key, row)))
        lines.sort(key=_find_place)
        yield from map(itemgetter(3), lines)
    if chosen.scope == "project":
        yield from _iterate_kept_away(connection, places, chosen.project_id)


def _iterate_kept_away(
    connection: Connection, places: Places, project_id: int
) -> Iterator[str]:
    links = _select(connection, ImportLink).join(
        Storage, col(Storage.id) == col(ImportLink.storage_id)
    )
    links = links.where(
        col(Storage.project_id) == project_id, col(ImportLink.state) == _KEPT_AWAY
    ).order_by(col(ImportLink.storage_id), col(ImportLink.key))
    for row in stream_rows(connection, links):
        yield _render(None, *places.name_link(row[1], row[2], row[3]), row)
    references = _select(connection, Reference).join(
        SlotRow, col(SlotRow.id) == col(Reference.slot_id)
    )
    references = references.where(
        col(SlotRow.project_id) == project_id, col(Reference.state) == _KEPT_AWAY
    ).order_by(col(Reference.slot_id), col(Reference.key))
    for row in stream_rows(connection, references):
        yield _render(None, places.slot_names[row[1]], row[3], row)


def _select_links(connection: Connection) -> Any:
    query = _select(connection, ImportLink)
    joined = query.join(Task, col(Task.id) == col(ImportLink.task_id))
    return joined.where(col(ImportLink.state) == "linked")


def _select_references(connection: Connection) -> Any:
    query = _select(connection, Reference)
    joined = query.join(Task, col(Task.id) == col(Reference.task_id))
    return joined.where(col(Reference.state) == "linked")


def _select(connection: Connection, table: Any) -> Any:
    """Task, storage (or slot), slot, key, and what else is known of the object."""
    place = table.storage_id if table is ImportLink else table.slot_id
    columns: list[Any] = [
        table.task_id,
        place,
        table.slot_id,
        table.key,
        table.row_group,
        table.row_index,
        table.state,
        table.etag,
        table.size,
        render_time(connection, table.last_modified),
    ]
    return select(*columns)


def _render(position: int | None, slot: str, key: str, row: Any) -> str:
    _, _, _, _, row_group, row_index, state, etag, size, last_modified = row
    return orjson.dumps(
        {
            "task": position,
            "slot": slot,
            "key": key,
            "row_group": row_group,
            "row_index": row_index,
            "state": state,
            "etag": etag,
            "size": size,
            "last_modified": last_modified,
        }
    ).decode()
