"""The beginning of one object, as far as a page can show it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import IO, Any, Final, Literal

import orjson

from labeldock.contract.errors import LabeldockError
from labeldock.contract.values import (
    ByteRange,
    ObjectBody,
    ObjectInfo,
    ReadRequest,
)
from labeldock.services.access import Principal
from labeldock.services.buckets.opening import OpenBucket, open_bucket
from labeldock.services.buckets.states import ObjectState, find_states
from labeldock.services.context import AppContext
from labeldock.services.importing.formats.parquet_rows import iterate_parquet
from labeldock.services.resolving.content import choose_type
from labeldock.services.resolving.signing import MediaGrant, sign_media_url

_TEXT: Final = 64 * 1024
_ROWS: Final = 20
_LARGEST_TABLE: Final = 64 * 2**20
_BLOCK: Final = 256 * 1024
_LINK_TIME: Final = timedelta(minutes=15)
_TEXTS: Final = {
    "application/json", "application/x-ndjson", "application/jsonl", "application/xml",
    "application/yaml", "image/svg+xml",
}  # fmt: skip

Kind = Literal["image", "audio", "video", "text", "table", "other"]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a page shows of an object.

    Attributes:
        info: the object.
        kind: how it is shown.
        type: its media type.
        state: what became of it here.
        url: where its bytes are for a quarter of an hour; of what this machine streams.
        text: its beginning, of a text.
        is_cut: whether there is more of the text, or of the table.
        columns: of a table.
        rows: its first rows.
        problem: why it cannot be shown.
    """

    info: ObjectInfo
    kind: Kind
    type: str
    state: ObjectState
    url: str
    text: str = ""
    is_cut: bool = False
    columns: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    problem: str = ""


def look_at_object(
    app: AppContext, principal: Principal, storage_id: int, key: str
) -> Glimpse:
    """An object of a storage's bucket, imported or not.

    Raises:
        InvalidInput: the key is not one of the storage's.
        ObjectNotFound, StorageError: there is no such object, or it cannot be read.
        NotFound, NotAllowed: as they say.
    """
    bucket = open_bucket(app, principal, storage_id)
    bucket.ensure_within(key)
    with _reading(bucket, ReadRequest(key, metadata_only=True)) as body:
        info = body.info
    with app.database.read() as session:
        state = find_states(session, bucket, [info])[key]
    kind = choose_type(key, info.content_type)
    ends_at = int((datetime.now(UTC) + _LINK_TIME).timestamp())
    grant = MediaGrant(storage_id, key, ends_at)
    url = sign_media_url(app.vault, app.settings.public_url, grant).url
    shown = _find_kind(key, kind)
    more = _read_more(app, bucket, info, shown)
    return Glimpse(info, shown, kind, state, url, **more)


def _find_kind(key: str, media_type: str) -> Kind:
    name = media_type.partition(";")[0].strip().lower()
    if key.lower().endswith(".parquet"):
        return "table"
    if name.startswith("text/") or name in _TEXTS:
        return "text"
    kinds: tuple[Kind, ...] = ("image", "audio", "video")
    for kind in kinds:
        if name.startswith(f"{kind}/"):
            return kind
    return "other"


def _read_more(
    app: AppContext, bucket: OpenBucket, info: ObjectInfo, kind: Kind
) -> dict[str, Any]:
    if kind == "text" and info.size:
        return _read_text(bucket, info)
    if kind == "table":
        return _read_table(app, bucket, info)
    return {}


def _read_text(bucket: OpenBucket, info: ObjectInfo) -> dict[str, Any]:
    last = min(info.size, _TEXT) - 1
    with _reading(bucket, ReadRequest(info.key, ByteRange(0, last))) as body:
        raw = b"".join(_iterate(body.reader.read, last + 1))
    is_cut = info.size > len(raw)
    text = raw.decode("utf-8", "replace")
    return {"text": text if is_cut else _indent(raw) or text, "is_cut": is_cut}


def _indent(raw: bytes) -> str:
    """JSON with a line for each value; nothing if it is none."""
    try:
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return ""


def _read_table(
    app: AppContext, bucket: OpenBucket, info: ObjectInfo
) -> dict[str, Any]:
    if info.size > _LARGEST_TABLE:
        return {"problem": "The file is too large to be looked into here."}
    try:
        with _set_aside(bucket, info) as file:
            found = islice(iterate_parquet(file, app.settings), _ROWS + 1)
            rows = [row for _, row in found]
    except LabeldockError as error:
        return {"problem": error.message}
    columns = tuple(rows[0]) if rows else ()
    return {
        "rows": tuple(rows[:_ROWS]),
        "columns": columns,
        "is_cut": len(rows) > _ROWS,
    }


@contextmanager
def _set_aside(bucket: OpenBucket, info: ObjectInfo) -> Iterator[IO[bytes]]:
    request = ReadRequest(info.key)
    with tempfile.SpooledTemporaryFile(2**20) as file:
        with _reading(bucket, request) as body:
            for block in _iterate(body.reader.read, body.info.size):
                file.write(block)
        file.seek(0)
        yield file


@contextmanager
def _reading(bucket: OpenBucket, request: ReadRequest) -> Iterator[ObjectBody]:
    connection = bucket.connection
    body = connection.provider.get_data(connection.ref, request)
    try:
        yield body
    finally:
        body.reader.close()


def _iterate(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := read(min(size, _BLOCK))):
        size -= len(block)
        yield block
