"""Printing results: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def print_json(value: Any) -> None:  # views, or what json knows
    """Print views or plain values as JSON; times in ISO 8601."""
    text = json.dumps(value, default=_simplify, ensure_ascii=False, indent=2)
    # A lone surrogate cannot be written as UTF-8; JSON has an escape for it.
    typer.echo(text.encode("utf-8", "backslashreplace"))


def _simplify(value: object) -> Any:  # as in print_json
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table: folded to the width of a terminal, whole lines when piped."""
    from rich.table import Table
    from rich.text import Text

    has_headings = any(headings)
    table = Table(
        box=None, pad_edge=False, header_style="bold", show_header=has_headings
    )
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(show_value(cell)) for cell in row))
    console = build_console()
    with console.capture() as printed:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def build_console(*, is_error: bool = False) -> Console:
    """A console; piped output is never cut to the width of a terminal."""
    from rich.console import Console

    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else 1000
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def show_value(value: object) -> str:
    """A value as one cell of a table, without control characters."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return clean_text(str(value))


def clean_text(text: str) -> str:
    """Text of foreign origin (keys, messages) that cannot steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
