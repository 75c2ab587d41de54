"""The code blocks of the documentation, as a reader of the page sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

DOCS = Path(__file__).parents[2] / "docs"
_PARSER = MarkdownIt("commonmark")


@dataclass(frozen=True)
class Block:
    """A block: its language, what is in it, and where it stands."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self):
        """Where to look for it: `back-up-a-project.md:27`."""
        return f"{self.page.name}:{self.line}"


class Step(NamedTuple):
    """A command of a page, and what the page shows of its output; None: nothing."""

    place: str
    command: str
    shown: str | None


def list_blocks(page):
    """The blocks of a page, in their order; one without a fence has no language."""
    return [
        Block(page, token.map[0] + 1, token.info.partition(" ")[0], token.content)
        for token in _PARSER.parse(page.read_text("utf-8"))
        if token.type in {"fence", "code_block"}
    ]


def list_steps(blocks):
    """The commands of blocks in `sh` and `console`.

    In a console the lines after a prompt are what is shown; for a block in `sh` it is
    the block in `text` right after it.
    """
    for index, block in enumerate(blocks):
        if block.language == "sh":
            after = blocks[index + 1 : index + 2]
            shown = after[0].text if after and after[0].language == "text" else None
            yield Step(block.place, block.text, shown)
        elif block.language == "console":
            yield from _split_console(block)


def _split_console(block):
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)[0]
        command = _take_quoted(part, command)
        yield Step(block.place, command, part[len(command) :] or None)


def _take_quoted(part, command):
    """A command goes on while a quote is open."""
    while command.count("'") % 2:
        command = part[: part.index("\n", len(command)) + 1]
    return command


def find_unshown(output, shown):
    """The lines of a page that the output does not have, in this order.

    `...` and `…` stand for anything; dates, addresses and widths of columns may differ.
    """
    lines = [_simplify(line) for line in output.splitlines()]
    missing, at = [], 0
    for line in filter(None, map(_simplify, shown.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, re.split(r"\.\.\.|…", line))))
        found = (n for n in range(at, len(lines)) if pattern.fullmatch(lines[n]))
        place = next(found, None)
        if place is None:
            missing.append(line)
        else:
            at = place + 1
    return missing


def _simplify(line):
    line = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "DATE", line)
    line = re.sub(r"(https?://[\w.-]+):\d+", r"\1", line)
    line = re.sub(r"(?<![/\d])\d+\.\d+\.\d+\.\d+", "ADDRESS", line)
    return " ".join(line.split())
