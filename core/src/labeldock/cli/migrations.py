"""`labeldock migrate`: the database to this version's schema, or to PostgreSQL."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeldock.cli.arguments import AsJson
from labeldock.cli.operating import load_terminal_settings
from labeldock.cli.showing import print_json

if TYPE_CHECKING:
    from labeldock.services.database_move import Move, Watcher
    from labeldock.settings import Settings

_LINE_SECONDS: Final = 2.0


def migrate(
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="Move the SQLite database into this empty PostgreSQL database; "
            "@env:VARIABLE, @FILE or @- keep a password off the command line.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the schema of this version, or move it to PostgreSQL.

    A database in the home folder is also migrated by itself, at every start; a shared
    one only by this command. Make a backup first. Processes of the version before may
    go on meanwhile and afterwards. If something is taken away that they use, and
    workers among them are still running, the command says so and changes nothing.

    With --to, all rows are copied and then compared one by one; the SQLite database
    stays as it is. If anything fails, the target is left empty.
    """
    settings = load_terminal_settings()
    if to is None:
        _upgrade(settings, as_json=as_json)
    else:
        _move(settings, to, as_json=as_json)


def _upgrade(settings: Settings, *, as_json: bool) -> None:
    from labeldock.db.engine import Database
    from labeldock.services.upgrades import upgrade_database

    with closing(Database(settings.effective_database_url)) as database:
        done = upgrade_database(database)
    before, after = done.before, done.after
    if as_json:
        print_json({"before": before, "after": after})
    elif done.is_ahead:
        typer.echo(
            f"The database is at revision {after}, of a newer version, which this one "
            "can work with."
        )
    elif before == after:
        typer.echo(f"The database is at revision {after} already.")
    else:
        typer.echo(f"Migrated the database from {before or 'nothing'} to {after}.")


def _move(settings: Settings, to: str, *, as_json: bool) -> None:
    from labeldock.cli.settings_input import read_reference
    from labeldock.db.engine import Database
    from labeldock.services.database_move import move_database

    home = settings.model_copy(update={"database_url": _find_source(settings)})
    _require_file(home)
    with (
        closing(Database(home.effective_database_url)) as source,
        closing(Database(read_reference("to", to))) as target,
    ):
        moved = move_database(source, target, _build_watcher(is_quiet=as_json))
    if as_json:
        print_json(moved)
    else:
        _report(home, moved)


def _find_source(settings: Settings) -> str:
    """The setting, if it names SQLite; it may name the target already."""
    url = settings.database_url
    return url if url.startswith("sqlite") else ""


def _require_file(settings: Settings) -> None:
    from labeldock.contract.errors import NotFound

    url = settings.effective_database_url
    if url.startswith("sqlite:///") and not _exists(url.removeprefix("sqlite:///")):
        raise NotFound(
            "There is no SQLite database to move.",
            field="LABELDOCK_HOME",
            remedy="Set LABELDOCK_HOME to the folder of the installation.",
        )


def _exists(path: str) -> bool:
    from pathlib import Path

    return Path(path.partition("?")[0]).exists()


def _build_watcher(*, is_quiet: bool) -> Watcher:
    """Says on standard error how far it is, every few seconds."""
    shown = time.monotonic()

    def watch(step: str, table: str, rows: int) -> None:
        nonlocal shown
        if not is_quiet and time.monotonic() - shown >= _LINE_SECONDS:
            shown = time.monotonic()
            typer.echo(f"{step} {rows:,} rows of {table}", err=True)

    return watch


def _report(settings: Settings, moved: Move) -> None:
    from labeldock.db.secrets import KEY_FILE

    for table in moved.tables:
        if table.rows:
            line = f"{table.table:20} {table.rows:>12,}  sha256 {table.checksum[:16]}"
            typer.echo(line)
    typer.echo(f"Moved {moved.rows:,} rows, and found every one of them the same.")
    typer.echo("Now set, for every process:")
    typer.echo("  LABELDOCK_DATABASE_URL  to the new database")
    if settings.secret_key.get_secret_value():
        typer.echo("  LABELDOCK_SECRET_KEY    as it is: stored secrets need it")
    else:
        typer.echo(
            f"  LABELDOCK_SECRET_KEY    to what is in {settings.home / KEY_FILE}: "
            "stored secrets cannot be read without it"
        )
    typer.echo("Files of the persistent storage stay where they are.")
