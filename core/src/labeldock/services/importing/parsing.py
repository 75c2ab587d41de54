"""Task files: a JSON object, a JSON array, or one JSON object per line.

A file is parsed and checked as a whole before anything of it is written. What a row may
hold is what Label Studio's importer takes: `data` (or the object itself is the data),
and beside `data`: `annotations`, `predictions`, `meta`, `allow_skip`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from labeldock.contract.errors import LabeldockError
from labeldock.db.types import dump_json, escape_text, load_json

TASK_FILE_EXTENSIONS: Final = frozenset({".json", ".jsonl"})
_BLANK: Final = b" \t\r\n"


class UnusableFile(LabeldockError):
    """A task file that cannot be imported; `row` where one row is at fault."""

    code = "unusable_file"

    def __init__(
        self, message: str, *, row: int = -1, remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.row = row


class TooManyRows(UnusableFile):
    """The file has more rows than the operator admits."""

    code = "too_many_rows"


@dataclass(frozen=True, slots=True)
class ParsedAnnotation:
    """An annotation that came with a task."""

    result: str
    was_cancelled: bool
    ground_truth: bool
    lead_time: float | None


@dataclass(frozen=True, slots=True)
class ParsedPrediction:
    """A prediction that came with a task."""

    result: str
    score: float | None
    model_version: str


@dataclass(frozen=True, slots=True)
class ParsedTask:
    """One row of a file, ready to be inserted; documents are JSON text."""

    row_index: int
    data: str
    meta: str | None = None
    allow_skip: bool = True
    annotations: tuple[ParsedAnnotation, ...] = ()
    predictions: tuple[ParsedPrediction, ...] = ()


def is_task_file(key: str) -> bool:
    """Whether a key may name a task file: by extension, or because it has none."""
    name = key.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    return not dot or not stem or f".{extension.lower()}" in TASK_FILE_EXTENSIONS


def parse_file(body: bytes, *, max_rows: int) -> list[ParsedTask]:
    """All tasks of a file; empty for an empty array.

    Raises:
        UnusableFile: it is not JSON of these forms, or one row is not a task.
        TooManyRows: it has more than `max_rows`.
    """
    try:
        return _parse(body, max_rows)
    except RecursionError:
        raise _unusable("The file is nested too deeply") from None


def _parse(body: bytes, max_rows: int) -> list[ParsedTask]:
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    if not text:
        raise UnusableFile("The file is empty.", remedy="Put at least one task in it.")
    if text[:1] not in {b"{", b"["}:
        raise UnusableFile(
            "The file does not begin with { or [, so it is not a task file.",
            remedy="If these objects are media, set use_blob_urls (one task per "
            "object); else give a JSON or JSONL file.",
        )
    tasks: list[ParsedTask] = []
    for row_index, row in _iterate_rows(text):
        if len(tasks) >= max_rows:
            raise TooManyRows(
                f"The file has more than {max_rows} rows.",
                remedy="Split it, or raise LABELDOCK_TASK_FILE_MAX_ROWS.",
            )
        tasks.append(_parse_row(row_index, row))
    return tasks


def _iterate_rows(text: bytes) -> Iterator[tuple[int, Any]]:
    if text[:1] == b"[":
        yield from enumerate(_load(text))
        return
    try:
        whole = load_json(text)
    except orjson.JSONDecodeError as error:
        first = text.partition(b"\n")[0].partition(b"\r")[0]
        if _is_json(first):
            yield from _iterate_lines(text)
            return
        raise _broken(error.lineno, error.msg) from None
    yield -1, whole


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _iterate_lines(text: bytes) -> Iterator[tuple[int, Any]]:
    row_index = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip(_BLANK):
            yield row_index, _load(line, number)
            row_index += 1


def _load(text: bytes, line: int | None = None) -> Any:
    try:
        return load_json(text)
    except orjson.JSONDecodeError as error:
        raise _broken(line or error.lineno, error.msg) from None


def _broken(line: int, reason: str) -> UnusableFile:
    return _unusable(f"Broken JSON in line {line}: {reason.rstrip('.')}")


def _unusable(what: str, row: int = -1) -> UnusableFile:
    remedy = "Correct the file; it is read again once it has changed."
    return UnusableFile(f"{what}.", row=row, remedy=remedy)


def _parse_row(row_index: int, row: Any) -> ParsedTask:
    if not isinstance(row, dict):
        raise _bad_row(row_index, f"is {_name(row)}, not an object")
    if "data" not in row or not isinstance(row["data"], dict):
        if "annotations" in row or "predictions" in row:
            raise _bad_row(row_index, "has annotations or predictions but no data")
        return ParsedTask(row_index, dump_json(row))
    meta = row.get("meta")
    allow_skip = row.get("allow_skip")
    return ParsedTask(
        row_index=row_index,
        data=dump_json(row["data"]),
        meta=None if meta is None else dump_json(meta),
        allow_skip=True if allow_skip is None else bool(allow_skip),
        annotations=tuple(
            _parse_annotation(row_index, item)
            for item in _list_of_objects(row_index, row, "annotations")
        ),
        predictions=tuple(
            _parse_prediction(row_index, item)
            for item in _list_of_objects(row_index, row, "predictions")
        ),
    )


def _parse_annotation(row_index: int, item: dict[str, Any]) -> ParsedAnnotation:
    return ParsedAnnotation(
        result=_result(row_index, item, "annotation"),
        was_cancelled=item.get("was_cancelled") is True,
        ground_truth=item.get("ground_truth") is True,
        lead_time=_number(row_index, item, "lead_time"),
    )


def _parse_prediction(row_index: int, item: dict[str, Any]) -> ParsedPrediction:
    return ParsedPrediction(
        result=_result(row_index, item, "prediction"),
        score=_number(row_index, item, "score"),
        model_version=escape_text(str(item.get("model_version") or "")),
    )


def _list_of_objects(
    row_index: int, row: dict[str, Any], name: str
) -> list[dict[str, Any]]:
    items = row.get(name) or []
    if isinstance(items, list) and all(isinstance(item, dict) for item in items):
        return items
    raise _bad_row(row_index, f"has {name} that are not a list of objects")


def _result(row_index: int, item: dict[str, Any], what: str) -> str:
    result = item.get("result", [])
    if isinstance(result, list) and all(isinstance(part, dict) for part in result):
        return dump_json(result)
    raise _bad_row(row_index, f"has a {what} whose result is not a list of objects")


def _number(row_index: int, item: dict[str, Any], name: str) -> float | None:
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _bad_row(row_index, f"has a {name} that is not a number")


def _bad_row(row_index: int, what: str) -> UnusableFile:
    which = f"Row {row_index}" if row_index >= 0 else "The task"
    return _unusable(f"{which} {what}", row_index)


def _name(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
