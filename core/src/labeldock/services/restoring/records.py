"""A look at each line of an archive: quickly at most of them, thoroughly at the rest.

A model says what a line may be, and what is wrong with it. Whether it accepts a line
depends on the names and types of its fields, and on a few values. So names and types
that it has accepted once are remembered, and a line that has the same needs a look at
the values alone, which takes a third of the time. Whatever is not plain then goes to
the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from labeldock.services.backups.format import (
    ANNOTATIONS,
    PREDICTIONS,
    RECORDS,
    REFERENCES,
    TASKS,
)
from labeldock.services.restoring.archives import refuse
from labeldock.services.restoring.lines import Parse, Row
from labeldock.services.restoring.loading import parse_time

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|\+00:00)"
)
_MOST_TIMES: Final = 10_000
_MOST_SHAPES: Final = 1000
_SMALL: Final = 2**31  # what a column of the database holds, and no more
_LARGE: Final = 2**63
_MOST: Final = {"size": _LARGE}
_FIELDS: Final = {name: tuple(RECORDS[name].model_fields) for name in RECORDS}
_INTEGERS: Final = {  # a reference's task may also be None
    name: tuple(
        field
        for field, about in model.model_fields.items()
        if about.annotation is int or field == "task"
    )
    for name, model in RECORDS.items()
}


def validate(name: str, number: int | None, text: bytes) -> Any:
    """A record, or an error that says where and what.

    Raises:
        InvalidArchive: it is not what the entry has.
    """
    try:
        # Not `model_validate_json`, which costs as much again around this.
        return RECORDS[name].__pydantic_validator__.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        line = "" if number is None else f"Line {number}: "
        raise refuse(name, f"{line}{where}: {first['msg']}") from None


class LineCheck:
    """Looks at tasks and at what is about them."""

    def __init__(self, slots: frozenset[str]) -> None:
        """References have to be to one of these slots."""
        self._slots = slots
        self._shapes: dict[str, set[tuple[type, ...]]] = {
            name: set() for name in _FIELDS
        }
        self._times: set[str] = set()

    @property
    def parsers(self) -> Mapping[str, Parse]:
        """By entry: what looks at a line of it."""
        return {
            TASKS: self.check_task,
            ANNOTATIONS: self.check_annotation,
            PREDICTIONS: self.check_prediction,
            REFERENCES: self.check_reference,
        }

    def check_task(self, number: int, line: bytes) -> Row:
        """Its position, and how many annotations and predictions it should have."""
        values = _load(line)
        if self._is_familiar(TASKS, values):
            (task, inner_id, _, _, overlap, _, _, given, cancelled, predicted,
             created_at, updated_at) = values.values()  # fmt: skip
            if (
                0 < task < _SMALL
                and -_SMALL <= inner_id < _SMALL
                and -_SMALL <= overlap < _SMALL
                and 0 <= given < _SMALL
                and 0 <= cancelled < _SMALL
                and 0 <= predicted < _SMALL
                and self._are_times(created_at, updated_at)
            ):
                return task, given + cancelled, predicted
        record = self._examine(TASKS, number, line, values)
        if not isinstance(record.data, dict | list):
            text = f"Line {number}: data is neither an object nor a list."
            raise refuse(TASKS, text)
        _check_times(TASKS, number, record.created_at, record.updated_at)
        self._learn(TASKS, values)
        given = record.total_annotations + record.cancelled_annotations
        return record.task, given, record.total_predictions

    def check_annotation(self, number: int, line: bytes) -> Row:
        """The task that it is about."""
        values = _load(line)
        if self._is_familiar(ANNOTATIONS, values):
            task, _, _, _, _, _, created_at, updated_at = values.values()
            if 0 < task < _SMALL and self._are_times(created_at, updated_at):
                return (task,)
        record = self._examine(ANNOTATIONS, number, line, values)
        _check_times(ANNOTATIONS, number, record.created_at, record.updated_at)
        self._learn(ANNOTATIONS, values)
        return (record.task,)

    def check_prediction(self, number: int, line: bytes) -> Row:
        """The task that it is about."""
        values = _load(line)
        if self._is_familiar(PREDICTIONS, values):
            task, _, _, model, created_at, updated_at = values.values()
            is_plain = 0 < task < _SMALL and "\0" not in model
            if is_plain and self._are_times(created_at, updated_at):
                return (task,)
        record = self._examine(PREDICTIONS, number, line, values)
        _check_times(PREDICTIONS, number, record.created_at, record.updated_at)
        if "\0" in record.model_version:
            raise refuse(PREDICTIONS, f"Line {number}: model_version holds U+0000.")
        self._learn(PREDICTIONS, values)
        return (record.task,)

    def check_reference(self, number: int, line: bytes) -> Row:
        """The task that it is about, or None."""
        values = _load(line)
        if self._is_familiar(REFERENCES, values):
            task, slot, key, group, index, state, etag, size, modified = values.values()
            if (
                (state == "kept_away" if task is None else state == "linked")
                and (task is None or 0 < task < _SMALL)
                and slot in self._slots
                and -1 <= group < _SMALL
                and -1 <= index < _SMALL
                and 0 <= size < _LARGE
                and "\0" not in key
                and "\0" not in etag
                and (modified is None or self._are_times(modified))
            ):
                return (task,)
        return self._check_odd_reference(number, line, values)

    def _check_odd_reference(self, number: int, line: bytes, values: Any) -> Row:
        record = self._examine(REFERENCES, number, line, values)
        _check_times(REFERENCES, number, record.last_modified)
        if "\0" in record.key + record.etag:
            raise refuse(REFERENCES, f"Line {number}: the key holds U+0000.")
        if record.slot not in self._slots:
            raise refuse(REFERENCES, f"Line {number}: there is no such slot.")
        if (record.task is None) != (record.state == "kept_away"):
            text = f"Line {number}: task and state contradict each other."
            raise refuse(REFERENCES, text)
        self._learn(REFERENCES, values)
        return (record.task,)

    # What was accepted before

    def _is_familiar(self, name: str, values: Any) -> bool:
        return (
            type(values) is dict
            and tuple(values) == _FIELDS[name]
            and tuple(map(type, values.values())) in self._shapes[name]
        )

    def _learn(self, name: str, values: Any) -> None:
        if tuple(values) == _FIELDS[name] and len(self._shapes[name]) < _MOST_SHAPES:
            self._shapes[name].add(tuple(map(type, values.values())))

    def _are_times(self, *texts: str) -> bool:
        for text in texts:
            if text not in self._times and not self._learn_time(text):
                return False
        return True

    def _learn_time(self, text: str) -> bool:
        if not _TIME.fullmatch(text):
            return False
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return False
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times.add(text)
        return True

    # The thorough look

    def _examine(self, name: str, number: int, line: bytes, values: Any) -> Any:
        record = validate(name, number, line)
        if values is None:  # numbers that are none, such as NaN
            raise refuse(name, f"Line {number}: It is not JSON.")
        for field in _INTEGERS[name]:
            most = _MOST.get(field, _SMALL)
            if not -most <= (getattr(record, field) or 0) < most:
                text = f"Line {number}: {field}: The number is too large."
                raise refuse(name, text)
        return record


def _load(line: bytes) -> Any:
    """What a line holds, or None; what is wrong with it then, the model says."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _check_times(name: str, number: int, *texts: str | None) -> None:
    try:
        for text in texts:
            if text is not None:
                parse_time(text)
    except ValueError:
        raise refuse(name, f"Line {number}: there is no such time.") from None
