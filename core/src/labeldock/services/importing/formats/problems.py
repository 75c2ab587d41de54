"""What can be wrong with a task file: a code for scripts, a remedy for people."""

from __future__ import annotations

from typing import Final, NamedTuple

from labeldock.contract.errors import LabeldockError

_CORRECT: Final = "Correct the file; it is read again once it has changed."


class Place(NamedTuple):
    """Where a task stands in its file; -1 where that does not apply."""

    group: int = -1
    row: int = -1

    def __str__(self) -> str:
        if self.row < 0:
            return "The task"
        which = f"Row {self.row}"
        return which if self.group < 0 else f"{which} of row group {self.group}"


NOWHERE: Final = Place()


class UnusableFile(LabeldockError):
    """A task file that cannot be imported; `place` where one row is at fault."""

    code = "unusable_file"

    def __init__(
        self, message: str, place: Place = NOWHERE, *, remedy: str | None = _CORRECT
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.place = place


class UnsupportedFormat(UnusableFile):
    """By its name the object is no task file."""

    code = "unsupported_format"


class NotATaskFile(UnusableFile):
    """By its content the object is no task file."""

    code = "not_a_task_file"


class EmptyFile(UnusableFile):
    """There is nothing in the file."""

    code = "empty_file"


class NotUtf8(UnusableFile):
    """Text in another encoding, or no text."""

    code = "not_utf8"

    def __init__(self, message: str, place: Place = NOWHERE) -> None:
        remedy = "Save the file as UTF-8; it is read again once it has changed."
        super().__init__(message, place, remedy=remedy)


class BrokenJson(UnusableFile):
    """It is not JSON, or ends too early."""

    code = "broken_json"


class BrokenTable(UnusableFile):
    """CSV or TSV whose header or rows cannot be told apart."""

    code = "broken_csv"


class BrokenParquet(UnusableFile):
    """Parquet that cannot be read."""

    code = "broken_parquet"


class BrokenGzip(UnusableFile):
    """A compressed file that cannot be unpacked to its end."""

    code = "broken_gzip"


class BadRow(UnusableFile):
    """A row can be read, and is no task."""

    code = "bad_row"


class TooDeep(UnusableFile):
    """Lists and objects within one another, more than the operator admits."""

    code = "nested_too_deep"


class TaskTooLong(UnusableFile):
    """One task is longer than the operator admits."""

    code = "task_too_long"


class TooManyRows(UnusableFile):
    """The file has more rows than the operator admits."""

    code = "too_many_rows"


class FileTooLarge(UnusableFile):
    """The file is larger than the operator admits, as it is or unpacked."""

    code = "file_too_large"


class PackedTooTightly(UnusableFile):
    """A file that would come to a multiple of its size, more than is admitted."""

    code = "packed_too_tightly"


class ExtraMissing(UnusableFile):
    """What the format needs is not installed. Nothing is wrong with the file."""

    code = "extra_missing"
