"""The benches by name, and how one of them is run."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final

from bench.report import Report

BENCHES: Final = {
    "startup": "bench.startup",
    "runs": "bench.runs",
    "bulk": "bench.bulk",
    "providers": "bench.providers",
    "import": "bench.imports",
    "fairness": "bench.fairness",
    "memory": "bench.memory",
    "media": "bench.media",
    "export": "bench.exports",
    "api": "bench.api",
    "backups": "bench.backups",
    "restores": "bench.restores",
    "console": "bench.console",
}


def is_known(name: str) -> bool:
    """Whether it is the name of a bench, or looks like that of a module with one."""
    return name in BENCHES or "." in name


def load(name: str) -> ModuleType:
    """The module of a bench; one that is not listed is named by its module."""
    return import_module(BENCHES.get(name, name))


def read_title(name: str) -> str:
    """What a bench measures, in a line; it is not imported for that."""
    spec = find_spec(BENCHES.get(name, name))
    if spec is None or spec.origin is None:
        return ""
    source = Path(spec.origin).read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def run_bench(name: str, report: Report, *, is_quick: bool) -> None:
    """Measure; figures go to the report."""
    report.begin(name)
    report.console.print(f"bench {name}: {read_title(name)}")
    load(name).run(report, is_quick=is_quick)
