"""The tasks of a file, ready to be inserted; many of them wait outside the memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, NamedTuple, Protocol

import orjson

IN_MEMORY: Final = 2**20
_BUFFER: Final = 256 * 1024


class ParsedAnnotation(NamedTuple):
    """An annotation that came with a task."""

    result: str
    was_cancelled: bool
    ground_truth: bool
    lead_time: float | None


class ParsedPrediction(NamedTuple):
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
    row_group: int = -1

    @property
    def length(self) -> int:
        """Characters of its documents."""
        length = len(self.data) + len(self.meta or "")
        length += sum(len(annotation.result) for annotation in self.annotations)
        return length + sum(len(prediction.result) for prediction in self.predictions)


class Tasks(Protocol):
    """Tasks of one object; they can be gone through more than once."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[ParsedTask]:
        """In their order."""


class TaskSpool:
    """Tasks of one file: in memory up to a MiB, then in a file of its own.

    Whoever goes through them comes to the end before somebody begins again.
    """

    def __init__(self) -> None:
        self._count = self.length = 0
        self._held: list[ParsedTask] = []
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ParsedTask]:
        if self._file is None:
            yield from self._held
            return
        self._file.seek(0)
        for line in self._file:
            yield _decode(orjson.loads(line))

    def add(self, task: ParsedTask) -> None:
        """Take one more."""
        self._count += 1
        self.length += task.length
        if self._file is not None:
            self._file.write(_encode(task))
            return
        self._held.append(task)
        if self.length > IN_MEMORY:
            self._move_out()

    def _move_out(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115  closed with this object
        weakref.finalize(self, self._file.close)
        self._file.writelines(map(_encode, self._held))
        self._held = []


def _encode(task: ParsedTask) -> bytes:
    annotations = [tuple(each) for each in task.annotations]
    predictions = [tuple(each) for each in task.predictions]
    row = (
        task.row_index, task.data, task.meta, task.allow_skip, annotations, predictions,
        task.row_group,
    )  # fmt: skip
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _decode(row: list[Any]) -> ParsedTask:
    row[4] = tuple(ParsedAnnotation(*each) for each in row[4])
    row[5] = tuple(ParsedPrediction(*each) for each in row[5])
    return ParsedTask(*row)
