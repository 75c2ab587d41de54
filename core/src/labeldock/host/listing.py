"""The installed plug-ins, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from labeldock.contract import PROVIDER_GROUP
from labeldock.host.entries import CatalogEntry

HEADINGS = ("NAME", "KIND", "DISTRIBUTION", "VERSION", "STATUS", "REASON")
NOTHING = "No plug-ins are installed. For local files: pip install labeldock-local\n"


def render_plugins(entries: Sequence[CatalogEntry]) -> str:
    """A plain table, one line per plug-in, ending in a line break."""
    if not entries:
        return NOTHING
    rows = [HEADINGS, *map(_build_row, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(_render_row(row, widths) for row in rows)


def dump_plugins(entries: Sequence[CatalogEntry]) -> list[dict[str, str | None]]:
    """The same as JSON values."""
    return [asdict(entry) for entry in entries]


def _build_row(entry: CatalogEntry) -> tuple[str, ...]:
    return (
        entry.name,
        "provider" if entry.group == PROVIDER_GROUP else "plug-in",
        entry.distribution or "?",
        entry.version or "?",
        entry.status,
        entry.reason or "",
    )


def _render_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip() + "\n"
