"""What a sync would bring, of a storage that is not saved yet: counts and pictures.

Only the first pages are looked at, and only the first pictures are read, all within a
few seconds: it is a look, not a sync.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import ListQuery, ObjectInfo, ReadRequest
from labeldock.services.access import Principal
from labeldock.services.connections import Connection, build_connection
from labeldock.services.context import AppContext
from labeldock.services.importing.formats.kinds import is_task_file
from labeldock.services.importing.preview import (
    PAGE_SIZE,
    PAGES,
    build_preview_source,
)
from labeldock.services.importing.source import Source, is_marker
from labeldock.services.resolving.content import guess_type
from labeldock.services.resolving.thumbnails import make_thumbnail
from labeldock.services.storage_checks import validate_draft
from labeldock.services.storage_fields import StorageDraft
from labeldock.services.storages import complete_draft
from labeldock.telemetry import CorrelatedPool

_SHOWN: Final = 12
_PICTURES: Final = 6
_LARGEST_PICTURE: Final = 8 * 2**20
_PICTURE_SIZE: Final = 128
_SECONDS: Final = 8.0
_PICTURE_SECONDS: Final = 4.0


@dataclass(slots=True)
class Preview:
    """A first look at a storage.

    Attributes:
        seen: objects that were looked at.
        dropped: those of them that the filter drops.
        unusable: those that pass it and are no task files, where tasks are wanted.
        folders: folders that are not entered.
        is_all: whether there is nothing beyond what was looked at.
        objects: the first ones that would be imported.
        pictures: thumbnails of some of them, in WebP, by key.
    """

    seen: int = 0
    dropped: int = 0
    unusable: int = 0
    folders: int = 0
    is_all: bool = False
    objects: list[ObjectInfo] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """How many of what was looked at would be imported."""
        return self.seen - self.dropped - self.unusable


def preview_draft(
    app: AppContext, principal: Principal, draft: StorageDraft
) -> Preview:
    """What a storage that is described would bring; nothing is saved.

    Raises:
        InvalidInput: a value is wrong.
        StorageError: the storage cannot be listed.
        NotFound, NotAllowed: as they say.
    """
    complete = complete_draft(app, principal, draft, None)
    fields, options, bound = validate_draft(app, complete)
    connection = build_connection(app, None, bound, draft.purpose, options)
    preview = _count(connection, fields)
    if fields["use_blob_urls"]:
        most_pixels = app.settings.media_thumbnail_pixels
        preview.pictures = _draw_all(connection, preview.objects, most_pixels)
    return preview


def _count(connection: Connection, fields: Mapping[str, object]) -> Preview:
    source, preview = build_preview_source(connection, fields), Preview()
    query = ListQuery(source.prefix, delimiter=source.delimiter, limit=PAGE_SIZE)
    end = time.monotonic() + _SECONDS
    for _ in range(PAGES):
        page = connection.provider.list_objects(connection.ref, query)
        preview.folders += len(page.prefixes)
        for info in page.objects:
            _note(preview, source, info)
        preview.is_all = page.cursor is None
        if preview.is_all or time.monotonic() > end:
            break
        after = page.objects[-1].key if page.objects else query.after_key
        query = replace(query, after_key=after, cursor=page.cursor)
    return preview


def _note(preview: Preview, source: Source, info: ObjectInfo) -> None:
    if is_marker(info):
        return
    preview.seen += 1
    if not source.admits(info):
        preview.dropped += 1
    elif not source.is_blob and not is_task_file(info.key):
        preview.unusable += 1
    elif len(preview.objects) < _SHOWN:
        preview.objects.append(info)


# Pictures


def _draw_all(
    connection: Connection, objects: Sequence[ObjectInfo], most_pixels: int
) -> dict[str, bytes]:
    """Thumbnails of the first pictures, as far as they are there in time."""
    wanted = [info for info in objects if _is_picture(info)][:_PICTURES]
    pool = CorrelatedPool(_PICTURES, thread_name_prefix="preview")
    drawing = {
        pool.submit(partial(_draw, connection, info, most_pixels)): info.key
        for info in wanted
    }
    done, _ = wait(drawing, timeout=_PICTURE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    drawn = {drawing[each]: each.result() for each in done}
    return {key: picture for key, picture in drawn.items() if picture}


def _is_picture(info: ObjectInfo) -> bool:
    kind = guess_type(info.key) or ""
    return kind.startswith("image/") and info.size <= _LARGEST_PICTURE


def _draw(connection: Connection, info: ObjectInfo, most_pixels: int) -> bytes:
    """A thumbnail; nothing where there can be none, since it is only a look."""
    with suppress(LabeldockError):
        request = ReadRequest(info.key)
        body = connection.provider.get_data(connection.ref, request)
        try:
            data = _read(body.reader.read, min(body.info.size, _LARGEST_PICTURE))
        finally:
            body.reader.close()
        return make_thumbnail(data, _PICTURE_SIZE, most_pixels)
    return b""


def _read(read: Callable[[int], bytes], size: int) -> bytes:
    blocks: list[bytes] = []
    while size > 0 and (block := read(min(size, 2**18))):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)
