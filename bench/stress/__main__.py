"""Load, soak and failures of the hosted mode: `./dev stress load|soak|failures`.

Everything is started on this machine: PostgreSQL (without fsync), Redis, an S3 server,
two web processes and two workers, with the settings of `compose.yaml`; and the clients.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.object_server import served_objects
from bench.quiet import silence_logs
from bench.stress.failures import TIMER, Storm, run_failures
from bench.stress.ground import opened_ground
from bench.stress.ledger import fill_bucket
from bench.stress.load import Climb, run_load
from bench.stress.sheet import Sheet
from bench.stress.soak import Soak, run_soak
from tests.chaos.restarting import restartable_moto
from tests.servers.process import ServerMissing

SHARE_OF_KNEE = 0.6
_STEP_SECONDS = 4.0  # of the look for the knee before a soak
_QUICK = {
    "LABELDOCK_STORAGE_IN_PROGRESS_TIMER": str(TIMER),
    "LABELDOCK_PAGE_SIZE": "10",  # a sync takes a moment, in which it can be struck
    "LABELDOCK_S3_CONNECT_TIMEOUT": "1",
    "LABELDOCK_S3_READ_TIMEOUT": "3",
    "LABELDOCK_S3_MAX_ATTEMPTS": "2",
}


def main(words: list[str] | None = None) -> int:
    """Run one of the three; 1 if something did not hold, 2 without the servers."""
    options = _parse_arguments(words)
    _forget_settings()
    silence_logs()
    sheet = Sheet()
    sheet.note("command", options.command)
    busy = os.getloadavg()[0]
    sheet.note("load of the machine before", busy)
    sheet.say(f"the machine did other things before: a load of {busy:.1f}")
    try:
        options.act(options, sheet)
    except ServerMissing as missing:
        sheet.console.print(str(missing), style="bold red")
        return 2
    sheet.show_verdicts()
    if options.json:
        sheet.save(options.json)
    return 0 if sheet.is_well else 1


def _load(options: argparse.Namespace, sheet: Sheet) -> None:
    climb = Climb(
        options.start, options.growth, options.seconds, options.bound, options.most
    )
    with (
        served_objects("--count", str(options.objects)) as objects,
        opened_ground(objects, {}) as ground,
    ):
        sheet.say(f"{options.objects:,} objects in each of two projects")
        run_load(ground, climb, sheet)


def _soak(options: argparse.Namespace, sheet: Sheet) -> None:
    with (
        served_objects("--count", str(options.objects)) as objects,
        opened_ground(objects, {}) as ground,
    ):
        rate = options.rate
        if not rate:
            climb = Climb(seconds=_STEP_SECONDS)
            rate = options.share * (run_load(ground, climb, sheet) or climb.start)
        sheet.say(f"{rate:,.0f} requests/s for {options.minutes:g} minutes")
        run_soak(ground, Soak(rate, 60 * options.minutes), sheet)


def _failures(options: argparse.Namespace, sheet: Sheet) -> None:
    storm = Storm(options.rate, options.away, options.rest, tuple(options.only))
    with restartable_moto() as objects:
        fill_bucket(objects.url, options.objects)
        with opened_ground(objects.url, _QUICK) as ground:
            run_failures(ground, objects, storm, sheet)


def _parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev stress", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    load = _add(commands, "load", "at rising rates, to the knee", _load, 1000)
    load.add_argument("--start", type=float, default=Climb.start, help="first rate")
    load.add_argument("--growth", type=float, default=Climb.growth, help="of the rate")
    load.add_argument("--most", type=float, default=0.0, help="rate to end at")
    load.add_argument("--seconds", type=float, default=Climb.seconds, help="of a step")
    bound = "seconds of the 99th percentile"
    load.add_argument("--bound", type=float, default=Climb.bound, help=bound)
    soak = _add(commands, "soak", "for long, below the knee", _soak, 1000)
    soak.add_argument("--minutes", type=float, default=60.0, help="how long")
    rate = "requests in a second; left out, a share of the knee, which is looked for"
    soak.add_argument("--rate", type=float, default=0.0, help=rate)
    soak.add_argument("--share", type=float, default=SHARE_OF_KNEE, help="of the knee")
    title = "each dependency stopped and started"
    storm = _add(commands, "failures", title, _failures, 200)
    storm.add_argument("--rate", type=float, default=Storm.rate, help="of requests")
    away, rest = "seconds that each is away", "seconds until all has to be well again"
    storm.add_argument("--away", type=float, default=Storm.away, help=away)
    storm.add_argument("--rest", type=float, default=Storm.rest, help=rest)
    storm.add_argument("--only", action="append", default=[], help="name; repeatable")
    return parser.parse_args(words)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    title: str,
    act: Callable[[argparse.Namespace, Sheet], None],
    objects: int,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=title, description=title)
    parser.set_defaults(act=act)
    text = "objects of each project's bucket"
    parser.add_argument("--objects", type=int, default=objects, help=text)
    save = "save the report as JSON"
    parser.add_argument("--json", type=Path, metavar="FILE", help=save)
    return parser


def _forget_settings() -> None:
    # What somebody set for a service of theirs must not decide what is measured.
    for name in list(os.environ):
        if name.startswith("LABELDOCK_") and not name.startswith("LABELDOCK_TEST_"):
            del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
