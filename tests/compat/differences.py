"""The differences between Label Studio's answers and ours that are known, and why.

They stand in `differences.json`, from which the table in the documentation is written.
An entry names the answers and the fields that it is about by patterns, `*` for
anything; every difference has to be in one, and every one has to have differences.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.architecture.sources import ROOT

LIST = Path(__file__).with_name("differences.json")
PAGE = ROOT / "docs" / "explanation" / "compatibility.md"
_BEGIN, _END = "<!-- differences: begin -->", "<!-- differences: end -->"
_HEAD = "| where | field | Label Studio | here | why |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Known:
    """One entry: which answers and fields, what is different, and why it is."""

    where: str
    answers: tuple[str, ...]
    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    theirs: str
    ours: str
    why: str

    def covers(self, difference):
        """Whether a difference is this one."""
        return (
            difference.kind in self.kinds
            and _fits(difference.answer, self.answers)
            and _fits(difference.field, self.fields)
        )

    def render(self):
        """Its row of the table."""
        fields = ", ".join(f"`{field}`" for field in self.fields if field)
        cells = (self.where, fields, self.theirs, self.ours, self.why)
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _fits(text, patterns):
    return any(fnmatchcase(text, p.replace("[", "[[]")) for p in patterns)


def load_known():
    """What stands in the list."""
    lists = ("answers", "fields", "kinds")
    return [
        Known(**{k: tuple(v) if k in lists else v for k, v in entry.items()})
        for entry in json.loads(LIST.read_text())
    ]


def render_table():
    """The table of the documentation."""
    return _HEAD + "".join(known.render() for known in load_known())


def read_table():
    """The table as it stands in the documentation."""
    _, _, rest = PAGE.read_text().partition(f"{_BEGIN}\n")
    table, found, _ = rest.partition(_END)
    assert found, f"{PAGE.name} has no place for the differences"
    return table


def write_table():
    """Put the table where it belongs."""
    text = PAGE.read_text()
    before, _, rest = text.partition(f"{_BEGIN}\n")
    after = rest.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}\n{render_table()}{_END}{after}")
