"""The reference page of the log, made from the calls that write it.

python -m labeldock.cli.log_reference > docs/reference/log.md
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from labeldock.cli.log_texts import EVENTS, FIELDS, HEAD, MORE, OTHERS

_LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
_LOGGERS: Final = {"_log"}
_PACKAGE: Final = Path(__file__).parents[1]
_TRACEBACK: Final = "exc_info"


class Line(NamedTuple):
    """What one call writes."""

    event: str
    level: str
    fields: tuple[str, ...]


def render_reference() -> str:
    """The page."""
    rows = [_render(event, lines) for event, lines in sorted(_group().items())]
    fields = [f"| `{name}` | {text} |\n" for name, text in FIELDS.items()]
    return HEAD.format(fields="".join(fields), events="".join(rows), others=OTHERS)


def _group() -> dict[str, list[Line]]:
    found = {event: [Line(event, *more)] for event, more in MORE.items()}
    for line in list_lines():
        found.setdefault(line.event, []).append(line)
    return found


def list_lines() -> Iterator[Line]:
    """Every call in the package that writes an event of a fixed name."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (line := _read(node)):
                yield line


def _read(call: ast.Call) -> Line | None:
    place = call.func
    if not isinstance(place, ast.Attribute) or place.attr not in _LEVELS:
        return None
    if not (isinstance(place.value, ast.Name) and place.value.id in _LOGGERS):
        return None
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant):
        return None
    names = tuple(k.arg for k in call.keywords if k.arg and k.arg != "correlation_id")
    level = "error" if place.attr == "exception" else place.attr
    has_traceback = place.attr == "exception" or _TRACEBACK in names
    fields = tuple(name for name in names if name != _TRACEBACK)
    return Line(str(first.value), level, fields + ("exception",) * has_traceback)


def _render(event: str, lines: list[Line]) -> str:
    levels = ", ".join(dict.fromkeys(line.level for line in lines))
    names = dict.fromkeys(name for line in lines for name in line.fields)
    fields = ", ".join(f"`{name}`" for name in names) or "none"
    return f"| `{event}` | {levels} | {fields} | {EVENTS[event]} |\n"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
