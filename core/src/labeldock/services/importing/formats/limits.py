"""How large a task file may be in every respect, and the errors past that."""

from __future__ import annotations

from typing import Final

from labeldock.services.importing.formats.problems import (
    FileTooLarge,
    PackedTooTightly,
    Place,
    TaskTooLong,
    TooDeep,
    TooManyRows,
)
from labeldock.settings import PREFIX, Settings

FREE_BYTES: Final = 2**20
"""Unpacked bytes that no ratio counts for: small files are often all alike."""


def check_size(settings: Settings, size: int, what: str = "The file is") -> None:
    """Refuse what has too many bytes.

    Raises:
        FileTooLarge: it has.
    """
    most = settings.task_file_max_bytes
    if size > most:
        remedy = _raise("task_file_max_bytes", "Split it")
        raise FileTooLarge(f"{what} larger than {most} bytes.", remedy=remedy)


def check_ratio(settings: Settings, packed: int, size: int) -> None:
    """Refuse what comes to a multiple of its size.

    Raises:
        PackedTooTightly: it does.
    """
    most = settings.task_file_max_ratio
    if size > max(FREE_BYTES, packed * most):
        raise PackedTooTightly(
            f"The file comes to more than {most} times its size when unpacked.",
            remedy=_raise("task_file_max_ratio", "Store it unpacked"),
        )


def check_count(settings: Settings, count: int) -> None:
    """Refuse a file with too many rows.

    Raises:
        TooManyRows: it has.
    """
    most = settings.task_file_max_rows
    if count > most:
        remedy = _raise("task_file_max_rows", "Split it")
        raise TooManyRows(f"The file has more than {most} rows.", remedy=remedy)


def check_length(settings: Settings, length: int, place: Place) -> None:
    """Refuse a task with too many characters.

    Raises:
        TaskTooLong: it has.
    """
    most = settings.task_max_length
    if length > most:
        raise TaskTooLong(
            f"{place} has more than {most} characters.",
            place,
            remedy=_raise(
                "task_max_length", "Keep large parts in objects of their own"
            ),
        )


def refuse_depth(settings: Settings, place: Place) -> TooDeep:
    """The error for lists and objects that are nested too deeply."""
    most = settings.task_file_max_depth
    return TooDeep(
        f"{place} is nested more than {most} levels deep.",
        place,
        remedy=_raise("task_file_max_depth", "Flatten it"),
    )


def _raise(setting: str, other: str) -> str:
    return f"{other}, or raise {PREFIX}{setting.upper()}."
