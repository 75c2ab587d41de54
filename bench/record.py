"""What a run of benches measured, where and when, as it is kept in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import Machine
from bench.report import Figure, Target

Row = tuple[str, Figure]
"""A figure, behind the name of its bench."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a bench ended.

    Attributes:
        name: of the bench.
        seconds: that it took.
        busy: the share of the processors that others used just before it.
        failure: why it ended early; empty if it did not.
    """

    name: str
    seconds: float
    busy: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Figures, the benches that they are of, and the machine."""

    machine: Machine
    is_quick: bool
    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def busy(self) -> float:
        """The largest share that others used before a bench."""
        return max((outcome.busy for outcome in self.outcomes), default=0.0)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        document = {
            "machine": asdict(self.machine),
            "quick": self.is_quick,
            "benches": [asdict(outcome) for outcome in self.outcomes],
            "figures": [_describe(bench, figure) for bench, figure in self.rows],
        }
        text = json.dumps(document, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", "utf-8")


def load_record(path: Path) -> Record:
    """Read what was saved.

    Raises:
        ValueError, KeyError, TypeError: it is no such file.
        OSError: it cannot be read.
    """
    document = json.loads(path.read_text("utf-8"))
    return Record(
        Machine(**document["machine"]),
        document["quick"],
        [Outcome(**values) for values in document["benches"]],
        [_parse(values) for values in document["figures"]],
    )


def _describe(bench: str, figure: Figure) -> dict[str, Any]:
    target = figure.target
    return {
        "bench": bench,
        "figure": figure.name,
        "ours": figure.ours,
        "bare": figure.bare,
        "ratio": figure.ratio,
        "unit": figure.unit,
        "target": target.text if target else None,
        "met": target.is_met if target else None,
        "used": target.used if target else None,
    }


def _parse(values: Mapping[str, Any]) -> Row:
    text = values["target"]
    target = None if text is None else Target(text, values["met"], values["used"])
    figure = Figure(
        values["figure"], values["ours"], values["unit"], values["bare"], target
    )
    return values["bench"], figure
