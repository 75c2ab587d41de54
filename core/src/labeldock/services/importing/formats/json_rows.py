"""JSON: an object, an array of objects, or an object on each line; row by row."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from typing import IO, Any, Final, NoReturn

import orjson

from labeldock.db.types import load_json
from labeldock.services.importing.formats.limits import refuse_depth
from labeldock.services.importing.formats.problems import (
    NOWHERE,
    BrokenJson,
    EmptyFile,
    NotATaskFile,
    NotUtf8,
    Place,
)
from labeldock.services.importing.formats.text import TextFile
from labeldock.settings import Settings

Row = tuple[Place, Any]

# So far from the end of what was read, an error is no matter of what follows.
_DOUBTFUL: Final = 16
_HEAD: Final = 256
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def iterate_json(
    file: IO[bytes], settings: Settings, *, is_lines: bool = False
) -> Iterator[Row]:
    """The rows of a file; what it is, its first characters tell.

    Args:
        file: at its beginning.
        settings: the limits.
        is_lines: it should be an object on each line, so that what is broken in the
            first line is said of that line.

    Raises:
        EmptyFile, NotATaskFile, NotUtf8, BrokenJson, TooDeep, TaskTooLong: as they say.
    """
    _check_head(file)
    text = TextFile(file, settings)
    text.skip_blank()
    match text.peek():
        case "":
            raise EmptyFile(
                "The file holds nothing but blanks.",
                remedy="Put at least one task in it.",
            )
        case "[":
            return _iterate_array(text, settings)
        case "{":
            return _iterate_objects(text, settings, is_lines=is_lines)
        case _:
            raise _refuse_content()


def _check_head(file: IO[bytes]) -> None:
    """Refuse by its first bytes what is no JSON, before it is taken for text."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(_WIDE):
        raise NotUtf8("The file is not UTF-8 but UTF-16.")
    found = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if found and found[:1] not in {b"{", b"["}:
        raise _refuse_content()


def _refuse_content() -> NotATaskFile:
    return NotATaskFile(
        "The file does not begin with { or [, so it is not a task file.",
        remedy="If these objects are media, set use_blob_urls (one task per object); "
        "else give a JSON, JSONL, CSV, TSV or Parquet file.",
    )


# An array


def _iterate_array(text: TextFile, settings: Settings) -> Iterator[Row]:
    reader = _ValueReader(text, settings)
    row, mark = 0, text.take()
    text.skip_blank()
    if text.peek() == "]":
        mark = text.take()
    while mark != "]":
        place = Place(row=row)
        text.skip_blank()
        yield place, reader.read(place)
        text.skip_blank()
        mark = text.take()
        if mark not in {",", "]"}:
            raise _broken(text.line, "expecting , or ] after a row", place)
        row += 1
    text.skip_blank()
    if text.peek():
        raise _broken(text.line, "there is something after the array", NOWHERE)


class _ValueReader:
    """Takes one JSON value after the other from a text that is read as needed."""

    def __init__(self, text: TextFile, settings: Settings) -> None:
        self._text, self._settings = text, settings

    def read(self, place: Place) -> Any:
        """The value that begins here."""
        text = self._text
        while True:
            try:
                value, end = _DECODER.raw_decode(text.buffer, text.position)
            except json.JSONDecodeError as error:
                if self._may_go_on(error) and text.read_more(place):
                    continue
                line = text.line + text.buffer.count("\n", text.position, error.pos)
                raise _broken(line, _describe(error), place) from None
            except ValueError as error:
                raise _broken(text.line, _name_number(error), place) from None
            except RecursionError:
                raise refuse_depth(self._settings, place) from None
            if end == len(text.buffer) and text.read_more(place):
                continue  # a number may go on
            text.position = end
            return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        is_near = error.pos > len(self._text.buffer) - _DOUBTFUL
        return is_near or error.msg.startswith("Unterminated string")


class _OddNumber(ValueError):
    """A number that JSON does not know, or nobody can hold."""


def _refuse_constant(name: str) -> NoReturn:
    raise _OddNumber(f"{name} is not JSON")


def _parse_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _OddNumber(f"the number {digits[:20]} is too large")
    return number


def _name_number(error: ValueError) -> str:
    return str(error) if isinstance(error, _OddNumber) else "a number is too long"


def _describe(error: json.JSONDecodeError) -> str:
    """What the decoder says, or that the text ends where something has to follow."""
    is_open = error.msg.startswith("Unterminated string")
    if is_open or error.pos >= len(error.doc.rstrip()):
        return "unexpected end of data"
    return _lower(error.msg)


def _lower(reason: str) -> str:
    return reason[:1].lower() + reason[1:].rstrip(".")


_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_parse_float
)


# Objects


def _iterate_objects(
    text: TextFile, settings: Settings, *, is_lines: bool
) -> Iterator[Row]:
    """One object, on as many lines as it likes, or one on each line."""
    try:
        first = _load_line(text, settings, Place(row=0) if is_lines else NOWHERE)
    except BrokenJson as error:
        yield NOWHERE, _read_whole(text, settings, error if is_lines else None)
        return
    text.take_line()
    text.skip_blank()
    if not text.peek():
        yield NOWHERE, first
        return
    yield Place(row=0), first
    row = 1
    while text.peek():
        place = Place(row=row)
        yield place, _load_line(text, settings, place)
        text.take_line()
        text.skip_blank()
        row += 1


def _load_line(text: TextFile, settings: Settings, place: Place) -> Any:
    line = text.peek_line(place)
    try:
        return load_json(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, orjson.JSONDecodeError) else ""
        told = _explain(line, settings, place)
        if told is None and "limit" in reason:  # of orjson's own, on nested values
            raise refuse_depth(settings, place) from None
        raise _broken(text.line, told or _lower(reason), place) from None


def _explain(line: str, settings: Settings, place: Place) -> str | None:
    """What the standard library says of it, which knows more, and in plainer words."""
    try:
        _DECODER.decode(line)
    except json.JSONDecodeError as error:
        return _describe(error)
    except ValueError as error:
        return _name_number(error)
    except RecursionError:
        raise refuse_depth(settings, place) from None
    return None


def _read_whole(
    text: TextFile, settings: Settings, of_first_line: BrokenJson | None
) -> Any:
    """The only object of a file that has more than one line."""
    try:
        value = _ValueReader(text, settings).read(NOWHERE)
        text.skip_blank()
    except BrokenJson as error:
        raise (of_first_line or error) from None
    if text.peek():
        raise of_first_line or _broken(
            text.line,
            "there is something after the object; several objects stand on a line "
            "each, or in an array",
            NOWHERE,
        )
    return value


def _broken(line: int, reason: str, place: Place) -> BrokenJson:
    return BrokenJson(f"Broken JSON in line {line}: {reason}.", place)
