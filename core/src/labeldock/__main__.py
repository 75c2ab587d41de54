"""The command `labeldock`: the application if it is installed, else what the base can.

The base lists the installed plug-ins and writes packages for new ones, which is all
that a provider author needs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from labeldock import __version__

APPLICATION_PARTS = ("typer", "sqlmodel")
MISSING = (
    "the application is not installed, only its base is; "
    'pip install "labeldock[app]" brings it'
)


def main() -> int:
    """Run the command line that is installed; returns the exit code."""
    if all(map(find_spec, APPLICATION_PARTS)):
        # Loaded by name: the base has to work where the application cannot be imported.
        return int(import_module("labeldock.cli").main() or 0)
    return run_base(sys.argv[1:])


def run_base(arguments: Sequence[str]) -> int:
    """The command line of the base distribution."""
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command not in {None, *BASE_COMMANDS}:
        sys.stderr.write(f"labeldock: {command}: {MISSING}\n")
        return 2
    parser = _build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    return BASE_COMMANDS[options.command](options)


def _build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="labeldock",
        description="The base of Labeldock: the provider contract and plug-in host.",
        epilog=f"Other commands: {MISSING}.",
    )
    parser.add_argument(
        "--version", action="version", version=f"labeldock {__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    plugins = commands.add_parser("plugins", help="list the installed plug-ins")
    plugins.add_argument("--json", action="store_true", help="print JSON")
    new = commands.add_parser("new-provider", help="write a package for a provider")
    new.add_argument("name", metavar="NAME", help="of the provider, e.g. webdav")
    new.add_argument("--into", metavar="DIR", type=Path, default=Path())
    return parser


def _list_plugins(options: Namespace) -> int:
    # Late, so that the application's own --help does not pay for the host.
    from labeldock import host  # noqa: PLC0415

    # The listing itself says what went wrong.
    logging.getLogger("labeldock.host").addHandler(logging.NullHandler())
    choice = host.Choice(
        allow=frozenset(_split_names("LABELDOCK_PROVIDERS_ALLOW")),
        block=frozenset(_split_names("LABELDOCK_PROVIDERS_BLOCK")),
    )
    entries = host.load_catalog(choice=choice).entries
    if options.json:
        text = json.dumps(host.dump_plugins(entries), indent=2) + "\n"
    else:
        text = host.render_plugins(entries)
    sys.stdout.write(text)
    return 0


def _create_provider(options: Namespace) -> int:
    # Late, as above.
    from labeldock.contract import LabeldockError  # noqa: PLC0415
    from labeldock.testing import scaffold  # noqa: PLC0415

    try:
        folder = scaffold.create_package(options.name, options.into)
    except LabeldockError as error:
        sys.stderr.write(f"labeldock: {error}; {error.remedy}\n")
        return 2
    sys.stdout.write(scaffold.render_next_steps(folder, is_member=False) + "\n")
    return 0


def _split_names(variable: str) -> list[str]:
    names = os.environ.get(variable, "").split(",")
    return [name.strip() for name in names if name.strip()]


BASE_COMMANDS: Final[Mapping[str, Callable[[Namespace], int]]] = {
    "plugins": _list_plugins,
    "new-provider": _create_provider,
}
"""What the base can do by itself."""


if __name__ == "__main__":
    sys.exit(main())
