"""The data of a task as a tree of a bounded size, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from labeldock.db.types import dump_json
from labeldock.web.console.task_media import TaskData, is_address, iterate_items

_MOST: Final = 400
_DEEPEST: Final = 12
_LONGEST: Final = 600


class Branch(NamedTuple):
    """A line of the tree: `open` and `close` enclose what belongs to a name."""

    kind: str  # open, close, leaf, more
    name: str = ""
    text: str = ""
    url: str = ""


def grow_tree(data: TaskData) -> list[Branch]:
    """The lines of a tree; what is too much is told of, not shown."""
    lines: list[Branch] = []
    for line in _grow(data.stored, data.resolved, 0):
        lines.append(line)
        if len(lines) >= _MOST:
            return [*lines, Branch("more"), *_close_all(lines)]
    return lines


def _close_all(lines: list[Branch]) -> list[Branch]:
    opened = sum((line.kind == "open") - (line.kind == "close") for line in lines)
    return [Branch("close")] * opened


def _grow(stored: Any, resolved: Any, depth: int) -> Iterator[Branch]:
    for key, value in iterate_items(stored):
        yield from _grow_one(str(key), value, resolved[key], depth)


def _grow_one(name: str, stored: Any, resolved: Any, depth: int) -> Iterator[Branch]:
    if isinstance(stored, dict | list) and stored and depth < _DEEPEST:
        yield Branch("open", name, _count(stored))
        yield from _grow(stored, resolved, depth + 1)
        yield Branch("close")
        return
    text = stored if isinstance(stored, str) else _write(stored)
    is_link = isinstance(resolved, str) and is_address(resolved)
    yield Branch("leaf", name, text[:_LONGEST], resolved if is_link else "")


def _count(value: dict[str, Any] | list[Any]) -> str:
    return f"[{len(value)}]" if isinstance(value, list) else ""


def _write(value: Any) -> str:
    try:
        return dump_json(value)
    except (TypeError, ValueError, RecursionError):
        return "too deep to be shown"
