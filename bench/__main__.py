"""Run benches: `python -m bench [NAME ...] [--quick] [--json FILE]`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from bench.quiet import silence_logs
from bench.report import Report

BENCHES = {
    "import": "bench.imports",
    "export": "bench.exports",
    "bulk": "bench.bulk",
    "runs": "bench.runs",
    "startup": "bench.startup",
    "memory": "bench.memory",
    "providers": "bench.providers",
    "media": "bench.media",
    "console": "bench.console",
    "api": "bench.api",
    "backups": "bench.backups",
    "restores": "bench.restores",
}


def main() -> int:
    """Run the benches that were asked for; 1 if a target was not met."""
    options = _parse_arguments()
    names = options.names or list(BENCHES)
    if not options.names:
        _list_benches()
    if options.list:
        return 0
    _forget_settings()
    silence_logs()
    report = Report()
    for name in names:
        report.begin(name)
        report.console.print(f"bench {name}: {_title(_load(name))}")
        _load(name).run(report, is_quick=options.quick)
        report.show(name)
    if options.json:
        report.save(options.json)
    return 0 if report.is_met else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none")
    parser.add_argument("--quick", action="store_true", help="with a tenth of the rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures")
    parser.add_argument("--list", action="store_true", help="list the benches only")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench {unknown[0]!r}; there are: {', '.join(BENCHES)}")
    return options


def _list_benches() -> None:
    for name in BENCHES:
        sys.stdout.write(f"{name:10}{_title(_load(name))}\n")


def _load(name: str) -> ModuleType:
    return import_module(BENCHES[name])


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0]


def _forget_settings() -> None:
    # What somebody set for a service of theirs must not decide what is measured.
    for name in list(os.environ):
        if name.startswith("LABELDOCK_") and not name.startswith("LABELDOCK_TEST_"):
            del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
