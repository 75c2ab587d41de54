"""The tables of figures in the documents: `python -m bench.pages`.

They are written from a record, `docs/reference/benchmarks.json`, which is what
`./dev bench --json` saved; a test keeps them so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.features import render_features
from bench.peers import NAME
from bench.promises import PROMISES
from bench.record import Record, load_record
from bench.table import (
    HEADINGS,
    Line,
    Verdict,
    build_lines,
    count_verdicts,
    describe_circumstances,
)

ROOT: Final = Path(__file__).parents[1]
RECORD: Final = ROOT / "docs/reference/benchmarks.json"
README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "docs/reference/benchmarks.md"
HOW: Final = "`./dev bench` measures all of this, `./dev peer install` first"


def mark(name: str) -> tuple[str, str]:
    """What stands before and behind a written part of a page."""
    return f"<!-- {name}: written by python -m bench.pages -->\n", f"<!-- /{name} -->"


def replace_part(page: str, name: str, text: str) -> str:
    """The page with another text between the marks.

    Raises:
        ValueError: the marks are not on the page.
    """
    before, behind = mark(name)
    pattern = re.escape(before) + ".*?" + re.escape(behind)
    changed, count = re.subn(
        pattern, lambda _: f"{before}\n{text}\n{behind}", page, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"the marks of {name} are on the page {count} times")
    return changed


def render_readme(page: str, record: Record) -> str:
    """The README, with the table against the peers."""
    return replace_part(page, "peers", "\n".join(_render_peers(record)))


def render_reference(page: str, record: Record) -> str:
    """The reference page, with every figure."""
    return replace_part(page, "figures", "\n".join(_render_all(record)))


# Against the peers


def _render_peers(record: Record) -> Iterator[str]:
    yield from render_features()
    lines = [line for line in build_lines(record, PROMISES) if line.beside == NAME]
    yield from _render_measured(lines)
    yield ""
    yield describe_circumstances(record)
    yield (
        f"{HOW}; the whole list is in [benchmarks](docs/reference/benchmarks.md). "
        "CVAT is a set of containers, which could not be started there: nothing of it "
        "was measured, and what it can do was read in its sources."
    )


def _render_measured(lines: Sequence[Line]) -> Iterator[str]:
    yield ""
    yield _join(["measured side by side", "Labeldock", NAME, "ours over theirs"])
    yield "|---|---|---|---|"
    for line in lines:
        text = line.text.removesuffix(f", beside {NAME}")
        theirs = line.theirs.removesuffix(NAME)
        unit = line.figure.unit if line.figure else ""
        yield _join([text, line.ours or line.outcome, f"{theirs}{unit}", line.ratio])


# All figures


def _render_all(record: Record) -> Iterator[str]:
    lines = build_lines(record, PROMISES)
    yield describe_circumstances(record)
    yield count_verdicts(lines)
    yield ""
    yield _join([*HEADINGS[:-1], "met"])
    yield "|" + "---|" * len(HEADINGS)
    for line in lines:
        cells = [line.bench, line.text, line.ours, line.theirs, line.ratio, line.target]
        yield _join([*cells, _render_outcome(line)])


def _render_outcome(line: Line) -> str:
    bad = line.verdict in {Verdict.MISSED, Verdict.FAILED}
    return f"**{line.outcome}**" if bad else line.outcome


def _join(cells: Sequence[str]) -> str:
    escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(escaped) + " |"


def main() -> None:
    """Write both pages anew."""
    record = load_record(RECORD)
    for path, render in ((README, render_readme), (REFERENCE, render_reference)):
        path.write_text(render(path.read_text("utf-8"), record), "utf-8")


if __name__ == "__main__":
    main()
