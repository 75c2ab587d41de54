"""Run benches: `python -m bench [NAME ...] [--quick] [--json FILE]`.

Without a name, all of them, and one table of what was promised. `list` as the name
lists them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from bench.names import BENCHES, is_known, read_title
from bench.promises import PROMISES
from bench.quiet import silence_logs
from bench.record import Record
from bench.report import Report, build_console
from bench.running import run_all, run_here
from bench.table import build_lines, is_good, show_lines


def main() -> int:
    """Run what was asked for; 1 if a target was not met, or a bench failed."""
    options = _parse_arguments()
    if options.list:
        _list_benches()
        return 0
    _forget_settings()
    # Whoever stops this is to find nothing that goes on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    names = options.names or list(BENCHES)
    record = _run_one(names[0], options) if len(names) == 1 else _run(names, options)
    if options.json:
        record.save(options.json)
    return 0 if is_good(build_lines(record, PROMISES)) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none")
    parser.add_argument("--quick", action="store_true", help="with less of everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures")
    parser.add_argument("--list", action="store_true", help="list the benches only")
    parser.add_argument("--brief", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.list = options.list or options.names == ["list"]
    unknown = [name for name in options.names if not is_known(name)]
    if unknown and not options.list:
        parser.error(f"no bench {unknown[0]!r}; there are: {', '.join(BENCHES)}")
    return options


def _list_benches() -> None:
    for name in BENCHES:
        sys.stdout.write(f"{name:10}{read_title(name)}\n")


def _run_one(name: str, options: argparse.Namespace) -> Record:
    """In this process, with all its figures below."""
    silence_logs()
    report = Report()
    record = run_here(name, report, is_quick=options.quick)
    if not options.brief:
        report.show(name)
    return record


def _run(names: list[str], options: argparse.Namespace) -> Record:
    """Each in a process of its own, with what was promised below."""
    console = build_console()

    def keep(record: Record) -> None:
        if options.json:
            record.save(options.json)

    record = run_all(names, console, is_quick=options.quick, keep=keep)
    show_lines(console, build_lines(record, PROMISES), record)
    return record


def _forget_settings() -> None:
    # What somebody set for a service of theirs must not decide what is measured.
    for name in list(os.environ):
        if name.startswith("LABELDOCK_") and not name.startswith("LABELDOCK_TEST_"):
            del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
