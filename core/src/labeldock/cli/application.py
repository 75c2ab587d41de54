"""All commands put together, and what happens around each of them."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from labeldock.cli.apply import apply_file
from labeldock.cli.attach import attach
from labeldock.cli.audit import audit_commands
from labeldock.cli.backup import backup, plan_backups, verify
from labeldock.cli.demo.command import run_demo
from labeldock.cli.doctor import check_installation
from labeldock.cli.exports import export
from labeldock.cli.failures import report_failure
from labeldock.cli.label_studio import import_commands
from labeldock.cli.migrations import migrate
from labeldock.cli.new_provider import create_provider
from labeldock.cli.plugins import list_plugins
from labeldock.cli.projects import project_commands
from labeldock.cli.restore import restore
from labeldock.cli.runs import run_commands
from labeldock.cli.secrets import secret_commands
from labeldock.cli.serving import serve, work
from labeldock.cli.storages import storage_commands
from labeldock.cli.teams import team_commands
from labeldock.cli.tokens import token_commands
from labeldock.cli.users import user_commands
from labeldock.cli.webhooks import webhook_commands

ABOUT = """Connect cloud buckets to annotation projects.

Settings are read from LABELDOCK_* variables and from labeldock.env in LABELDOCK_HOME
(by default ./labeldock-data). Exit codes: 0 success, 1 failure, 2 wrong usage or
input, 130 interrupted.
"""


def main() -> int:
    """Run the command line; returns the exit code, and never raises."""
    try:
        build_application()(prog_name="labeldock")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:  # noqa: BLE001  the last floor: nobody else reports it
        return report_failure(error)
    return 0


def build_application() -> typer.Typer:
    """The tree of commands."""
    application = typer.Typer(
        name="labeldock",
        help=ABOUT,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # Rich would treble the time that --help takes
    )
    application.callback()(_declare_options)
    application.command("serve")(serve)
    application.command("worker")(work)
    application.command("demo")(run_demo)
    application.command("migrate")(migrate)
    application.add_typer(user_commands, name="user")
    application.add_typer(token_commands, name="token")
    application.add_typer(team_commands, name="team")
    application.add_typer(audit_commands, name="audit")
    application.add_typer(project_commands, name="project")
    application.add_typer(storage_commands, name="storage")
    application.add_typer(run_commands, name="run")
    application.add_typer(webhook_commands, name="webhook")
    application.add_typer(secret_commands, name="secrets")
    application.add_typer(import_commands, name="import")
    application.command("apply")(apply_file)
    application.command("export")(export)
    application.command("backup")(backup)
    application.command("backup-plan")(plan_backups)
    application.command("verify")(verify)
    application.command("restore")(restore)
    application.command("attach")(attach)
    application.command("plugins")(list_plugins)
    application.command("new-provider")(create_provider)
    application.command("doctor")(check_installation)
    return application


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("labeldock"))
        raise typer.Exit


def _declare_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and stop.",
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="LABELDOCK_DEBUG",
            help="Show the traceback of an error.",
        ),
    ] = False,
) -> None:
    del version, debug  # read by the callback, and by failures from the command line


if __name__ == "__main__":
    sys.exit(main())
