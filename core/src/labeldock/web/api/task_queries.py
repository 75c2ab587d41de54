"""The `query` of a list of tasks, as clients of the data manager write it.

What is not understood is refused: a filter that is not applied would mislead.
"""

from __future__ import annotations

from typing import Any, Final

from labeldock.contract.errors import InvalidInput
from labeldock.services.task_selection import (
    COMPARISONS,
    NUMBERS,
    ORDERINGS,
    Comparison,
    TaskSelection,
)
from labeldock.web.bodies import parse_json
from labeldock.web.fields import parse_boolean, parse_integer

_FIELD: Final = "query"
_COMPLETED: Final = "completed_at"
_MOST: Final = 10_000


def read_selection(text: str) -> TaskSelection:
    """Which tasks a list is to hold.

    Raises:
        InvalidInput: it is not a query, or asks for what cannot be asked for.
    """
    query = parse_json(text, _FIELD)
    if not isinstance(query, dict) or not query.keys() <= _KNOWN:
        raise _refuse("This cannot be asked for.")
    return select_tasks(query)


def select_tasks(query: dict[str, Any]) -> TaskSelection:
    """The same, read already; other keys, as views have them, say nothing of tasks.

    Raises:
        InvalidInput: it asks for what cannot be asked for.
    """
    values = read_selected(query.get("selectedItems"), _FIELD)
    is_labeled, comparisons = None, []
    for item in _list_items(query.get("filters")):
        if item.get("filter") == f"filter:tasks:{_COMPLETED}":
            is_labeled = _read_completed(item)
        else:
            comparisons.append(_read_comparison(item))
    ordering = tuple(map(_read_ordering, _list(query.get("ordering"))))
    return TaskSelection(*values, is_labeled, tuple(comparisons), ordering)


_KNOWN: Final = {"filters", "ordering", "selectedItems"}


def read_selected(
    selected: Any, field: str
) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """The tasks that are named, None for all; and those that are left out of all.

    Raises:
        InvalidInput: it does not say so.
    """
    if not selected:
        return None, ()
    if not isinstance(selected, dict):
        raise InvalidInput("Must be an object.", field=field)
    if parse_boolean(selected.get("all", False), field):
        return None, _read_numbers(selected.get("excluded"), field)
    return _read_numbers(selected.get("included"), field), ()


def _read_numbers(given: Any, field: str) -> tuple[int, ...]:
    numbers = _list(given)
    if len(numbers) > _MOST:
        raise InvalidInput(f"Names more than {_MOST:,} tasks.", field=field)
    return tuple(parse_integer(number, field) for number in numbers)


def _list(given: Any) -> list[Any]:
    if isinstance(given, list | None):
        return given or []
    raise _refuse("A list is missing.")


def _list_items(filters: Any) -> list[dict[str, Any]]:
    if not filters:
        return []
    if not isinstance(filters, dict):
        raise _refuse("The filters are not an object.")
    items = _list(filters.get("items"))
    if len(items) > 1 and filters.get("conjunction", "and") != "and":
        raise _refuse("Filters can be joined by `and` only.")
    if not all(isinstance(item, dict) for item in items):
        raise _refuse("A filter is not an object.")
    return items


def _read_completed(item: dict[str, Any]) -> bool:
    """Whether tasks are to be finished; clients ask whether the time is empty."""
    if item.get("operator") != "empty":
        raise _refuse(f"{_COMPLETED} can be compared by `empty` only.")
    return not parse_boolean(item.get("value"), _FIELD)


def _read_comparison(item: dict[str, Any]) -> Comparison:
    column = str(item.get("filter")).removeprefix("filter:tasks:")
    name = str(item.get("operator"))
    if column not in NUMBERS or name not in COMPARISONS:
        raise _refuse(f"There is no filter {column[:40]!r} with {name[:40]!r}.")
    return Comparison(column, name, parse_integer(item.get("value"), _FIELD))


def _read_ordering(given: Any) -> str:
    text = str(given)
    sign = "-" if text.startswith("-") else ""
    name = text.removeprefix("-").removeprefix("tasks:")
    if name == _COMPLETED:
        name = "is_labeled"
    if name not in ORDERINGS:
        raise _refuse(f"Tasks cannot be ordered by {name[:40]!r}.")
    return sign + name


def _refuse(message: str) -> InvalidInput:
    columns = ", ".join(sorted(NUMBERS))
    return InvalidInput(
        message,
        field=_FIELD,
        remedy=f"Filter by {_COMPLETED} (empty) or compare one of {columns} with a "
        "number; or leave `query` out and filter the tasks that are listed.",
    )
