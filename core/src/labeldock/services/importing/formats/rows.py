"""What a row of a task file means: the task, and what was said about it already.

What Label Studio's importer takes: `data` (or the object itself is the data), and
beside `data`: `annotations`, `predictions`, `meta`, `allow_skip`. And what Labeldock
exports: a task with its annotations, which is the same; an annotation that holds its
task; or a row of a Parquet file, with the annotation, the data and the meta as texts.
"""

from __future__ import annotations

from typing import Any, Final

from labeldock.db.types import dump_json, escape_text, load_json
from labeldock.services.importing.formats.limits import check_length, refuse_depth
from labeldock.services.importing.formats.problems import BadRow, Place
from labeldock.services.importing.formats.tasks import (
    ParsedAnnotation,
    ParsedPrediction,
    ParsedTask,
)
from labeldock.settings import Settings

_OPINIONS: Final = ("annotations", "predictions")
_OF_AN_ANNOTATION: Final = {"id", "task", "result", "was_cancelled", "completed_by"}
_OF_AN_EXPORTED_ROW: Final = {"annotation_id", "task_id", "result", "was_cancelled"}


def parse_row(settings: Settings, place: Place, row: Any) -> ParsedTask:
    """The task of a row.

    Raises:
        BadRow, TooDeep, TaskTooLong: it is none, or more than the operator admits.
    """
    if not isinstance(row, dict):
        raise BadRow(f"{place} is {_name(row)}, not an object.", place)
    task = _RowParser(settings, place).parse(row)
    check_length(settings, task.length, place)
    return task


class _RowParser:
    """One row."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self._settings, self._place = settings, place

    def parse(self, row: dict[str, Any]) -> ParsedTask:
        if isinstance(row.get("data"), dict):
            return self._parse_wrapped(row)
        if any(name in row for name in _OPINIONS):
            raise self._bad("has annotations or predictions but no data")
        if row.keys() >= _OF_AN_ANNOTATION:
            return self._parse_annotation_with_task(row)
        if row.keys() >= _OF_AN_EXPORTED_ROW and isinstance(row.get("data"), str):
            return self._parse_exported_row(row)
        return self._build(row)

    def _parse_wrapped(self, row: dict[str, Any]) -> ParsedTask:
        annotations, predictions = (self._list(row, name) for name in _OPINIONS)
        return self._build(
            row["data"],
            meta=self._dump_optional(row.get("meta")),
            allow_skip=_may_be_skipped(row),
            annotations=tuple(map(self._parse_annotation, annotations)),
            predictions=tuple(map(self._parse_prediction, predictions)),
        )

    def _parse_annotation_with_task(self, row: dict[str, Any]) -> ParsedTask:
        task = row["task"]
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise BadRow(
                f"{self._place} is an annotation without the data of its task.",
                self._place,
                remedy="Export tasks with their annotations, and import those files.",
            )
        return self._build(
            task["data"],
            meta=self._dump_optional(task.get("meta")),
            allow_skip=_may_be_skipped(task),
            annotations=(self._parse_annotation(row),),
        )

    def _parse_exported_row(self, row: dict[str, Any]) -> ParsedTask:
        texts = {name: row.get(name) or "null" for name in ("data", "meta", "result")}
        try:
            task = {name: load_json(text) for name, text in texts.items()}
        except (TypeError, ValueError, RecursionError):
            raise self._bad("looks exported, but its texts are not JSON") from None
        annotation = {**row, "result": task.pop("result")}
        return self._parse_annotation_with_task({**annotation, "task": task})

    def _build(self, data: dict[str, Any], **more: Any) -> ParsedTask:
        group, row_index = self._place
        return ParsedTask(row_index, self._dump(data), row_group=group, **more)

    def _parse_annotation(self, item: dict[str, Any]) -> ParsedAnnotation:
        return ParsedAnnotation(
            result=self._dump_result(item, "annotation"),
            was_cancelled=item.get("was_cancelled") is True,
            ground_truth=item.get("ground_truth") is True,
            lead_time=self._number(item, "lead_time"),
        )

    def _parse_prediction(self, item: dict[str, Any]) -> ParsedPrediction:
        return ParsedPrediction(
            result=self._dump_result(item, "prediction"),
            score=self._number(item, "score"),
            model_version=escape_text(str(item.get("model_version") or "")),
        )

    def _list(self, row: dict[str, Any], name: str) -> list[dict[str, Any]]:
        items = row.get(name) or []
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            return items
        raise self._bad(f"has {name} that are not a list of objects")

    def _dump_result(self, item: dict[str, Any], what: str) -> str:
        result = item.get("result", [])
        if isinstance(result, list) and all(isinstance(part, dict) for part in result):
            return self._dump(result)
        raise self._bad(f"has a {what} whose result is not a list of objects")

    def _number(self, item: dict[str, Any], name: str) -> float | None:
        value = item.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._as_float(value, name)
        raise self._bad(f"has a {name} that is not a number")

    def _as_float(self, value: float, name: str) -> float:
        try:
            return float(value)
        except OverflowError:
            raise self._bad(f"has a {name} that is too large") from None

    def _dump_optional(self, document: Any) -> str | None:
        return None if document is None else self._dump(document)

    def _dump(self, document: Any) -> str:
        most = self._settings.task_file_max_depth
        try:
            text = dump_json(document)
        except RecursionError:
            raise refuse_depth(self._settings, self._place) from None
        except ValueError:  # half of a surrogate pair
            raise self._bad("holds text that cannot be written as UTF-8") from None
        brackets = text.count("[") + text.count("{")
        if brackets > most and _is_deeper(document, most):
            raise refuse_depth(self._settings, self._place)
        return text

    def _bad(self, what: str) -> BadRow:
        return BadRow(f"{self._place} {what}.", self._place)


def _may_be_skipped(row: dict[str, Any]) -> bool:
    allow_skip = row.get("allow_skip")
    return True if allow_skip is None else bool(allow_skip)


def _is_deeper(document: Any, most: int) -> bool:
    """Whether lists and objects are nested more than `most` levels deep."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _name(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
