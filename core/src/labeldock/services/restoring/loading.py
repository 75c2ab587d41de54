"""The rows of a restore, page by page; each page's transaction holds the run.

A line becomes a row of its table as far as it can before the transaction begins, with
the position of its task in place of the number that the task will have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from labeldock.db.bulk import encode_time_for, insert_rows, reserve_ids
from labeldock.db.slots import Reference
from labeldock.db.tables import Annotation, Prediction, Task
from labeldock.db.types import dump_json, load_json
from labeldock.services.backups.format import (
    ANNOTATIONS,
    PREDICTIONS,
    REFERENCES,
    TASKS,
)
from labeldock.services.restoring.archives import refuse
from labeldock.services.restoring.lines import Page, Parse, Row
from labeldock.services.restoring.people import People

_MOST_TIMES: Final = 10_000
_TASK: Final = Task.__table__  # type: ignore[attr-defined]
_ANNOTATION: Final = Annotation.__table__  # type: ignore[attr-defined]
_PREDICTION: Final = Prediction.__table__  # type: ignore[attr-defined]
_REFERENCE: Final = Reference.__table__  # type: ignore[attr-defined]
_TASK_COLUMNS: Final = (
    "id", "data", "meta", "inner_id", "overlap", "allow_skip", "is_labeled",
    "total_annotations", "cancelled_annotations", "total_predictions", "created_at",
    "updated_at", "project_id", "version",
)  # fmt: skip
_ANNOTATION_COLUMNS: Final = (
    "task_id", "completed_by_id", "result", "was_cancelled", "ground_truth",
    "lead_time", "created_at", "updated_at", "project_id", "version",
)  # fmt: skip
_PREDICTION_COLUMNS: Final = (
    "task_id", "result", "score", "model_version", "created_at", "updated_at",
    "project_id",
)  # fmt: skip
_REFERENCE_COLUMNS: Final = (
    "task_id", "slot_id", "key", "row_group", "row_index", "state", "etag", "size",
    "last_modified",
)  # fmt: skip
_pick_task: Final = itemgetter(
    "task", "data", "meta", "inner_id", "overlap", "allow_skip", "is_labeled",
    "total_annotations", "cancelled_annotations", "total_predictions", "created_at",
    "updated_at",
)  # fmt: skip
_pick_annotation: Final = itemgetter(
    "task", "completed_by", "result", "was_cancelled", "ground_truth", "lead_time",
    "created_at", "updated_at",
)  # fmt: skip
_pick_prediction: Final = itemgetter(
    "task", "result", "score", "model_version", "created_at", "updated_at"
)
_pick_reference: Final = itemgetter(
    "task", "slot", "key", "row_group", "row_index", "state", "etag", "size",
    "last_modified",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What rows belong to.

    Attributes:
        project_id: the project that is being made.
        slots: numbers of its slots by name.
        people: who people are here.
        upload_paths: what paths of uploaded files began with, and begin with now.
    """

    project_id: int
    slots: dict[str, int]
    people: People
    upload_paths: tuple[str, str]


class RowReader:
    """Makes rows of lines that were checked before."""

    def __init__(self, place: Place, dialect: str) -> None:
        """For this place, in a database of this dialect."""
        self._place, self._dialect = place, dialect
        # SQLite's driver looks for an adapter of each bool, and for none of a number.
        self._is_sqlite = dialect == "sqlite"
        plain = {True: True, False: False}
        self._flags = {True: 1, False: 0} if self._is_sqlite else plain
        # Times as the driver wants them, by their text; many rows share one.
        self._times: dict[str | None, Any] = {}

    @property
    def parsers(self) -> Mapping[str, Parse]:
        """By entry: what makes a row of a line of it."""
        return {
            TASKS: self.read_task,
            ANNOTATIONS: self.read_annotation,
            PREDICTIONS: self.read_prediction,
            REFERENCES: self.read_reference,
        }

    def read_task(self, _: int, line: bytes) -> Row:
        """A row of `_TASK_COLUMNS`."""
        (task, data, meta, inner_id, overlap, allow_skip, is_labeled, given,
         cancelled, predicted, created_at, updated_at
         ) = _pick_task(orjson.loads(line))  # fmt: skip
        text = _dump(data, "data", line)
        before, after = self._place.upload_paths
        if before and before in text:
            text = text.replace(before, after)
        return (
            task,
            text,
            None if meta is None else _dump(meta, "meta", line),
            inner_id,
            overlap,
            self._flags[allow_skip],
            self._flags[is_labeled],
            given,
            cancelled,
            predicted,
            self._time(created_at),
            self._time(updated_at),
            self._place.project_id,
            1,
        )

    def read_annotation(self, _: int, line: bytes) -> Row:
        """A row of `_ANNOTATION_COLUMNS`, with the address of who said it."""
        (task, said_by, result, was_cancelled, ground_truth, lead_time, created_at,
         updated_at) = _pick_annotation(orjson.loads(line))  # fmt: skip
        return (
            task,
            said_by,
            _dump(result, "result", line),
            self._flags[was_cancelled],
            self._flags[ground_truth],
            lead_time,
            self._time(created_at),
            self._time(updated_at),
            self._place.project_id,
            1,
        )

    def read_prediction(self, _: int, line: bytes) -> Row:
        """A row of `_PREDICTION_COLUMNS`."""
        task, result, score, model, created_at, updated_at = _pick_prediction(
            orjson.loads(line)
        )
        return (
            task,
            _dump(result, "result", line),
            score,
            model,
            self._time(created_at),
            self._time(updated_at),
            self._place.project_id,
        )

    def read_reference(self, _: int, line: bytes) -> Row:
        """A row of `_REFERENCE_COLUMNS`."""
        task, slot, key, group, index, state, etag, size, modified = _pick_reference(
            orjson.loads(line)
        )
        slot_id = self._place.slots[slot]
        time = self._time(modified)
        return task, slot_id, key, group, index, state, etag, size, time

    def _time(self, text: str | None) -> Any:
        if text is not None and self._is_sqlite and text[26:] == "Z":
            return f"{text[:10]} {text[11:26]}"  # as backups write times, to the digit
        known = self._times
        if text not in known:
            if len(known) >= _MOST_TIMES:
                known.clear()
            time = None if text is None else parse_time(text)
            known[text] = encode_time_for(self._dialect, time)
        return known[text]


class PageWriter:
    """Inserts within one transaction."""

    def __init__(self, connection: Connection, place: Place) -> None:
        """Write to this connection, whose transaction holds the run already."""
        self._connection = connection
        self._place = place

    def write(self, page: Page) -> None:
        """Insert tasks, and all that is about them.

        Raises:
            InvalidArchive: an object is referenced twice.
        """
        ids = reserve_ids(self._connection, _TASK, len(page.tasks))
        numbers = dict(zip((row[0] for row in page.tasks), ids, strict=True))
        self._insert(_TASK, _TASK_COLUMNS, _give(page.tasks, numbers))
        annotations = page.followers[ANNOTATIONS]
        people = self._place.people
        people.learn(self._connection, (row[1] for row in annotations))
        find = people.find
        said = ((numbers[row[0]], find(row[1]), *row[2:]) for row in annotations)
        self._insert(_ANNOTATION, _ANNOTATION_COLUMNS, said)
        predictions = _give(page.followers[PREDICTIONS], numbers)
        self._insert(_PREDICTION, _PREDICTION_COLUMNS, predictions)
        self.refer(_give(page.followers[REFERENCES], numbers))

    def refer(self, rows: Iterable[Row]) -> None:
        """Insert references, also those without a task.

        Raises:
            InvalidArchive: an object is referenced twice.
        """
        try:
            self._insert(_REFERENCE, _REFERENCE_COLUMNS, iter(rows))
        except Exception as error:
            if _is_double(error):
                raise refuse(REFERENCES, "It names the same object twice.") from None
            raise

    def _insert(self, table: Any, columns: Any, rows: Iterator[Row]) -> None:
        first = next(rows, None)
        if first is not None:
            insert_rows(self._connection, table, columns, _chain(first, rows))


def _give(rows: Sequence[Row], numbers: Mapping[int, int]) -> Iterator[Row]:
    """The rows, with the numbers of the tasks in place of their positions."""
    return ((numbers[row[0]], *row[1:]) for row in rows)


def _dump(value: Any, name: str, line: bytes) -> str:
    """The text of a document of a line, to the last digit."""
    # It stands in the line unless something was lost, or the line was written by
    # somebody else. orjson makes floats of integers beyond 64 bits.
    with suppress(TypeError):  # nested deeper than it goes
        text = orjson.dumps(value)
        if text in line:
            return text.decode()
    return dump_json(load_json(line)[name])


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime:
    """A time of an archive.

    Raises:
        ValueError: there is no such time.
    """
    return datetime.fromisoformat(text)


def _chain(first: Any, rows: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rows


def _is_double(error: Exception) -> bool:
    """Whether a unique constraint was violated; the drivers are used directly here."""
    kinds = {type(error).__name__, type(error.__cause__).__name__}
    return isinstance(error, IntegrityError) or bool(
        kinds & {"IntegrityError", "UniqueViolation"}
    )
