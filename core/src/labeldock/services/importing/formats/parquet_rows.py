"""Parquet, by row groups, a few rows at a time. It needs the extra `parquet`.

What JSON has no word for becomes text or a number: times as in ISO 8601, those with a
zone in UTC; decimals with all digits; bytes in base64; durations in seconds. NaN and
the infinities become null.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import IO, Any, Final

import orjson

from labeldock.services.importing.formats.limits import check_count, check_size
from labeldock.services.importing.formats.problems import (
    NOWHERE,
    BrokenParquet,
    ExtraMissing,
    Place,
)
from labeldock.settings import Settings

MAGIC: Final = b"PAR1"
_MOST_ROWS: Final = 1024
_WINDOW: Final = 16 * 2**20


def iterate_parquet(file: IO[bytes], settings: Settings) -> Iterator[tuple[Place, Any]]:
    """The rows of a file.

    Raises:
        ExtraMissing: pyarrow is not installed.
        BrokenParquet: it cannot be read, or holds what cannot be made into JSON.
        TooManyRows, FileTooLarge: it is more than the operator admits.
    """
    source = _open(file)
    _check(source, settings)
    columns = _Columns(source.schema_arrow)
    for group in range(source.num_row_groups):
        row = 0
        for batch in _iterate_batches(source, group):
            place = Place(group, row)
            for document in columns.convert(batch, place):
                yield Place(group, row), document
                row += 1


def require_extra() -> None:
    """Say that pyarrow is missing, before anything is read for it.

    Raises:
        ExtraMissing: it is.
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise ExtraMissing(
            "Parquet files cannot be read here: pyarrow is not installed.",
            remedy="Run `pip install 'labeldock[parquet]'` where the workers run, "
            "restart them, and sync again.",
        ) from None


def _open(file: IO[bytes]) -> Any:
    require_extra()
    parquet = import_module("pyarrow.parquet")
    with _translated(NOWHERE):
        return parquet.ParquetFile(
            file, pre_buffer=False, coerce_int96_timestamp_unit="us"
        )


@contextmanager
def _translated(place: Place) -> Iterator[None]:
    """Say of a file what pyarrow says of it, in one line."""
    arrow = import_module("pyarrow")
    try:
        yield
    except (
        arrow.ArrowException,
        OSError,
        ValueError,
        KeyError,
        OverflowError,
    ) as error:
        lines = str(error.args[0] if error.args else "").strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        message = f"Broken Parquet: {reason[:200].rstrip('. ')}."
        raise BrokenParquet(message, place) from None


def _check(source: Any, settings: Settings) -> None:
    """Refuse by its footer what is too much, or has columns that nobody can tell."""
    metadata = source.metadata
    check_count(settings, metadata.num_rows)
    size = sum(
        metadata.row_group(group).total_byte_size
        for group in range(metadata.num_row_groups)
    )
    check_size(settings, size, "The file is, unpacked,")
    names = source.schema_arrow.names
    if "" in names:
        raise BrokenParquet(f"Column {names.index('') + 1} has no name.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BrokenParquet(f"There is more than one column {twice[0][:100]!r}.")


def _iterate_batches(source: Any, group: int) -> Iterator[Any]:
    """A row group, a few rows at a time.

    A value that is written once may stand in every row: no value is longer than its
    row group, so rows as many as fit into a window come to no more than that.
    """
    size = max(1, source.metadata.row_group(group).total_byte_size)
    count = max(1, min(_MOST_ROWS, _WINDOW // size))
    with _translated(NOWHERE):
        yield from source.iter_batches(count, row_groups=[group], use_threads=False)


class _Columns:
    """Makes documents of rows; knows which columns have to be cast before."""

    def __init__(self, schema: Any) -> None:
        self._names = schema.names
        with _translated(NOWHERE):
            self._types = [_find_plain(field.type) for field in schema]

    def convert(self, batch: Any, place: Place) -> list[Any]:
        with _translated(place):
            columns = [
                self._list(column, wanted)
                for column, wanted in zip(batch.columns, self._types, strict=True)
            ]
            names = self._names
            return [
                _make_plain(dict(zip(names, cells, strict=True)))
                for cells in zip(*columns, strict=True)
            ]

    def _list(self, column: Any, wanted: Any) -> list[Any]:
        cast = column if column.type == wanted else column.cast(wanted, safe=False)
        values: list[Any] = cast.to_pylist(maps_as_pydicts="strict")
        return values


def _find_plain(kind: Any) -> Any:
    """The type to cast to: what Python's own types hold, whatever is within it."""
    arrow = import_module("pyarrow")
    types = arrow.types
    if types.is_dictionary(kind):
        return _find_plain(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        return arrow.list_(kind.value_field.with_type(_find_plain(kind.value_type)))
    if types.is_struct(kind):
        return arrow.struct([f.with_type(_find_plain(f.type)) for f in kind])
    return _find_plain_leaf(arrow, kind)


def _find_plain_leaf(arrow: Any, kind: Any) -> Any:
    types = arrow.types
    if types.is_timestamp(kind):
        return arrow.timestamp("us", "UTC" if kind.tz else None)
    if types.is_time64(kind):
        return arrow.time64("us")
    if types.is_duration(kind):
        return arrow.duration("us")
    return arrow.float32() if types.is_float16(kind) else kind


def _make_plain(document: dict[str, Any]) -> Any:
    text = orjson.dumps(document, default=_render, option=orjson.OPT_NON_STR_KEYS)
    return orjson.loads(text)


def _render(value: Any) -> Any:  # what orjson does not know
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal():
            return str(value)
        case timedelta():
            return value.total_seconds()
        case _:
            raise ValueError(f"a value of type {type(value).__name__} is not JSON")
